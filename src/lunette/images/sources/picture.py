"""One picture file, as something to work on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lunette.errors import LunetteError
from lunette.images.pictures import SUFFIXES, bombs_refused, fitted, open_picture, to_array
from lunette.images.ranges import Span
from lunette.images.sets import Images, Parts
from lunette.images.settings import DataSettings
from lunette.images.sources.source import Source, path_of, source


@source
class Picture(Source):
    """One picture file."""

    is_data = False

    def matches(self, text: str) -> bool:  # noqa: D102
        path = path_of(text)
        return path.suffix.lower() in SUFFIXES and not path.is_dir()

    def read(self, text: str, settings: DataSettings, check: bool) -> Parts:  # noqa: ARG002, D102
        return Parts(self.read_named(text, settings)[0])

    def read_named(self, text: str, settings: DataSettings) -> tuple[Images, tuple[str, ...]]:
        """Return the picture at the size and with the channels of `settings`."""
        path = path_of(text)
        image = open_file(path, settings.span)
        image = fitted(image, settings.sides, settings.fit) if settings.sides else image
        channels = settings.channels or (1 if image.mode == "L" else 3)
        return Images(torch.from_numpy(np.stack([to_array(image, channels)]))), (path.name,)


def open_file(path: Path, span: Span | None = None) -> Image.Image:
    """Return a picture file's picture, as `open_picture` does; raises LunetteError where that cannot be."""
    try:
        with bombs_refused():
            return open_picture(path, span)
    except FileNotFoundError:
        raise LunetteError(f"there is no picture {path}") from None
    # Pillow raises many kinds of errors for damaged files: SyntaxError, struct.error, its own.
    except Exception as error:
        raise LunetteError(f"cannot read {path} as a picture: {error}") from error
