"""Pictures side by side, with headings."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lunette.results.result import Pictured

# Small pictures are enlarged by the largest whole factor that keeps them within so many pixels.
CELL = 96
FRAME = 256  # of an animation
GAP, WIDE = 2, 12  # between pictures, and between groups of them
FONT = 12  # pixels
LINE = FONT + 3


@dataclass(frozen=True, repr=False)
class Sheet(Pictured):
    """Images (N, C, H, W), float32 in [0, 1], shown in rows of `columns`; numpy takes it for an array."""

    images: NDArray[np.float32]
    columns: int
    headings: tuple[str, ...] = ()  # above the columns, again and again: so many pictures belong together
    names: tuple[str, ...] = ()  # before the rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.images, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        n, *shape = self.images.shape
        return f"Sheet({n} pictures, {'×'.join(map(str, shape))})"

    def __len__(self) -> int:
        return len(self.images)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the images."""
        return {"images": self.images}

    def pictures(self) -> list[Image.Image]:
        """Return each image at its own size."""
        return [Image.fromarray(pixels) for pixels in _bytes(self.images)]

    def picture(self) -> Image.Image:
        """Return all images as one, row by row on white, below their headings and beside their names."""
        cells = _enlarged(_bytes(self.images), CELL)
        n, height, width = cells.shape[:3]
        together = len(self.headings) or self.columns
        heads = [textwrap.wrap(head, max(4, width // 6)) for head in self.headings]
        top = LINE * max(map(len, heads), default=0) + (GAP if heads else 0)
        left = max((math.ceil(_font().getlength(name)) + 3 * GAP for name in self.names), default=0)

        def place(i: int) -> tuple[int, int]:
            row, column = divmod(i, self.columns)
            across = left + GAP + column * (width + GAP) + column // together * (WIDE - GAP)
            return across, top + GAP + row * (height + GAP)

        right, below = place(self.columns - 1)[0] + width + GAP, place(n - 1)[1] + height + GAP
        canvas = Image.new("L" if cells.ndim == 3 else "RGB", (right, below), "white")
        for i, cell in enumerate(cells):
            canvas.paste(Image.fromarray(cell), place(i))
        draw = ImageDraw.Draw(canvas)
        for column in range(self.columns if heads else 0):
            for line, words in enumerate(heads[column % together]):
                middle = place(column)[0] + width / 2
                draw.text((middle, GAP + LINE * line), words, fill="black", font=_font(), anchor="ma")
        for row, name in enumerate(self.names):
            draw.text((GAP, place(row * self.columns)[1] + height / 2), name, fill="black", font=_font(), anchor="lm")
        return canvas

    def frames(self) -> list[Image.Image]:
        """Return the images one after the other, to and fro."""
        frames = [Image.fromarray(cell) for cell in _enlarged(_bytes(self.images), FRAME)]
        return frames + frames[-2:0:-1]


def _font() -> Any:
    """Return the font of headings and names."""
    return ImageFont.load_default(FONT)


def _bytes(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(N, C, H, W) in [0, 1] → (N, H, W) or (N, H, W, 3), 0 to 255."""
    pixels = (images.clip(0, 1) * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _enlarged(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Repeat the pixels of (N, H, W, …) so that small pictures can be seen."""
    factor = max(1, side // max(pixels.shape[1:3]))
    return pixels.repeat(factor, axis=1).repeat(factor, axis=2)
