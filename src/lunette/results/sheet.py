"""Pictures side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lunette.results.result import Pictured

# Small pictures are enlarged by the largest whole factor that keeps them within so many pixels.
CELL = 64
FRAME = 256  # of an animation
GAP = 2


@dataclass(frozen=True, repr=False)
class Sheet(Pictured):
    """Images (N, C, H, W), float32 in [0, 1], shown in rows of `columns`; numpy takes it for an array."""

    images: NDArray[np.float32]
    columns: int

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
        """Return all images as one, row by row on white."""
        cells = _enlarged(_bytes(self.images), CELL)
        n, height, width, *color = cells.shape
        rows = -(-n // self.columns)
        canvas = np.full((rows * (height + GAP) + GAP, self.columns * (width + GAP) + GAP, *color), 255, np.uint8)
        for i, cell in enumerate(cells):
            top, left = GAP + i // self.columns * (height + GAP), GAP + i % self.columns * (width + GAP)
            canvas[top : top + height, left : left + width] = cell
        return Image.fromarray(canvas)

    def frames(self) -> list[Image.Image]:
        """Return the images one after the other, to and fro."""
        frames = [Image.fromarray(cell) for cell in _enlarged(_bytes(self.images), FRAME)]
        return frames + frames[-2:0:-1]


def _bytes(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(N, C, H, W) in [0, 1] → (N, H, W) or (N, H, W, 3), 0 to 255."""
    pixels = (images.clip(0, 1) * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _enlarged(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Repeat the pixels of (N, H, W, …) so that small pictures can be seen."""
    factor = max(1, side // max(pixels.shape[1:3]))
    return pixels.repeat(factor, axis=1).repeat(factor, axis=2)
