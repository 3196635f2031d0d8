"""What uses return: arrays that are pictures, too."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lunette.errors import LunetteError
from lunette.images import signature
from lunette.runs import write

FRAME_MILLISECONDS = 80


def check_name(path: Path) -> None:
    """Raise LunetteError where `save` cannot write to `path`: a folder, or a name that ends in no known format."""
    if path.is_dir():
        raise LunetteError(f"{path} is a folder: name a file in it, such as {path / 'picture.png'}")
    if path.suffix.lower() != ".npz" and Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise LunetteError(f"cannot write {path.name!r}: end the name in .png, .jpg, .webp, .gif or .npz")


class Shown:
    """A result that a notebook shows and `save` writes: abstract in `picture` and `arrays`."""

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
