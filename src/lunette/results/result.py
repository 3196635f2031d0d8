"""What verbs return: one family, which faces show."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lunette.errors import LunetteError
from lunette.files import write
from lunette.images import signature
from lunette.results.blocks import Block, facts, to_dict, to_html

FRAME_MILLISECONDS = 80


def check_name(path: Path) -> None:
    """Raise LunetteError where `save` cannot write to `path`: a folder, or a name that ends in no known format."""
    if path.is_dir():
        raise LunetteError(f"{path} is a folder: name a file in it, such as {path / 'picture.png'}")
    if path.suffix.lower() != ".npz" and Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise LunetteError(f"cannot write {path.name!r}: end the name in .png, .jpg, .webp, .gif or .npz")


class Result:
    """What a verb returns: it says itself in a sentence, and at length in blocks that a face shows in its way."""

    def sentence(self) -> str:
        """Return what was found, in a sentence."""
        return repr(self)

    def blocks(self) -> Iterator[Block]:
        """Yield what was found at length; of a picture alone nothing needs to be said."""
        yield from ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it: its kind, its sentence and its blocks."""
        blocks = [to_dict(block) for block in self.blocks()]
        return {"kind": type(self).__name__, "sentence": self.sentence(), "blocks": blocks}

    def _repr_html_(self) -> str:
        return "".join(map(to_html, self.blocks())) or to_html(self.sentence())


class Facts(dict[str, Any], Result):
    """Facts by name, in groups or under a `title`."""

    title = ""

    def sentence(self) -> str:
        """Return what the facts are of."""
        return self.title or ", ".join(self)

    def blocks(self) -> Iterator[Block]:
        """Yield the table of facts."""
        yield facts({self.title: self} if self.title else self)


class Pictured(Result):
    """A result that is a picture, too, which a notebook shows and `save` writes: abstract in `picture` and `arrays`."""

    def picture(self) -> Image.Image:
        """Return it as one picture."""
        raise NotImplementedError

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return its arrays by name."""
        raise NotImplementedError

    def frames(self) -> list[Image.Image]:
        """Return the pictures of an animation; by default one that stands still."""
        return [self.picture()]

    def save(self, path: str | Path) -> Path:
        """Write it whole or not at all: an .npz keeps the arrays, a .gif shows the frames, others the picture.

        Raises LunetteError for a name that ends in no known format, and where the disk refuses.
        """
        path, data = Path(path), io.BytesIO()
        check_name(path)
        suffix = path.suffix.lower()
        if suffix == ".npz":
            np.savez_compressed(data, allow_pickle=False, **self.arrays())
        elif suffix == ".gif":
            first, *rest = self.frames()
            moving = {"save_all": True, "append_images": rest, "duration": FRAME_MILLISECONDS, "loop": 0}
            first.save(data, "GIF", **moving, **signature("GIF"))
        else:
            kind = Image.registered_extensions()[suffix]
            self.picture().save(data, kind, **signature(kind))
        write(path, data.getvalue())
        return path

    def _repr_png_(self) -> bytes:
        data = io.BytesIO()
        self.picture().save(data, "PNG")
        return data.getvalue()

    def _repr_html_(self) -> str:
        said = "".join(map(to_html, self.blocks()))
        return f'{said}<img alt="{escape(self.sentence())}" src="{address(self._repr_png_())}">'


def free_place(folder: Path, name: str, suffix: str) -> Path:
    """Return a path in `folder` that is not taken, so that no later result replaces it: `name`, name-2, name-3 …."""
    paths = (folder / f"{name}{'' if number == 1 else f'-{number}'}{suffix}" for number in itertools.count(1))
    return next(path for path in paths if not path.exists())


def address(png: bytes) -> str:
    """Return the data address of a PNG, which is then a part of a page."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
