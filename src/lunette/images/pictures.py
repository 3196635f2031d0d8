"""One picture file, or one array, to the channels and the size that are asked for."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from lunette.images.settings import DataSettings, Fit

Shape = tuple[int, int, int]  # (C, H, W)

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
GREY_MODES = {"1", "L", "LA", "La", "I", "F"}


def attempt(file: Path | bytes, settings: DataSettings) -> NDArray[np.uint8] | str:
    """Return the picture in a file, or in a file's bytes, with one channel if it is grey, or what is wrong with it."""
    try:
        image = open_picture(file)
        image = fitted(image, settings.sides, settings.fit) if settings.sides else image
        return to_array(image, settings.channels or (1 if image.mode == "L" else 3))
    except UnidentifiedImageError:
        return "UnidentifiedImageError: no picture of a known kind"
    # Pillow raises many kinds of errors for damaged files: SyntaxError, struct.error, its own.
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def open_picture(file: Path | bytes) -> Image.Image:
    """Return a whole, upright picture in mode L or RGB.

    EXIF orientation is applied, transparency laid on white, 16 bits scaled to 8; of an animation it is the
    first frame. Raises OSError, ValueError or a Pillow error for a file that is damaged or is no picture.
    """
    with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
        image.load()
        return plain(ImageOps.exif_transpose(image))


@contextmanager
def bombs_refused() -> Iterator[None]:
    """Make Pillow raise, and not only warn, for files that unpack to more pixels than it holds safe."""
    # Around threads and never within them: they share one list of warning filters.
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def plain(image: Image.Image) -> Image.Image:
    """Return `image` in mode L if it is grey, else RGB."""
    if image.mode.startswith("I;16") or image.mode == "I":
        return Image.fromarray((np.asarray(image, np.float64) / 257).round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in GREY_MODES else "RGBA")
        white = Image.new(image.mode, image.size, "white")
        image = Image.alpha_composite(white.convert("RGBA"), image.convert("RGBA")).convert(image.mode[:-1])
    return image.convert("L" if image.mode in GREY_MODES else "RGB")


def fitted(image: Image.Image, sides: tuple[int, int], fit: Fit) -> Image.Image:
    """Return `image` at `sides` (H, W).

    crop: the shorter side is brought to size and the middle kept; pad: the longer side is, on black;
    stretch: both are. Lanczos resampling.
    """
    size = sides[1], sides[0]
    if image.size == size:
        return image
    if fit == "crop":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if fit == "pad":
        return ImageOps.pad(image, size, Image.Resampling.LANCZOS, color=0)
    return image.resize(size, Image.Resampling.LANCZOS)


def to_array(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    """Return `image` as uint8 (C, H, W)."""
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def to_picture(pixels: NDArray[np.uint8]) -> Image.Image:
    """Return uint8 (C, H, W) as a picture."""
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
