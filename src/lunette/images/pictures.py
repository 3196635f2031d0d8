"""One picture file, or one array, to the channels and the size that are asked for."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from lunette.images.ranges import Span, span_of, to_bytes
from lunette.images.settings import DataSettings, Fit

Shape = tuple[int, int, int]  # (C, H, W)

SUFFIXES = {
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".ico", ".j2c", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf",
    ".jpg", ".jpx", ".pbm", ".pcx", ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".ras", ".sgi", ".tga", ".tif",
    ".tiff", ".webp",
}  # fmt: skip
GREY_MODES = {"1", "L", "LA", "La"}
STACKS = {"AVIF", "GIF", "PNG", "TIFF", "WEBP"}  # whose further frames are pictures; others have thumbnails or layers
SOFTWARE = "Lunette"  # what the sheets that are written here say they were made with


@dataclass(frozen=True)
class Decoded:
    """What is in a picture's file: uint8 (C, H, W), more than one of a stack, or what is wrong with it."""

    pictures: tuple[NDArray[Any], ...] = ()  # numbers other than bytes where `deep`, to be scaled with the others
    deep: str = ""  # i or f, as `span_of` has them
    wrong: str = ""
    frames_left: int = 0  # that were not asked for
    is_sheet: bool = False  # of ours, and no picture of the user's


def attempt(file: Path | bytes, settings: DataSettings) -> Decoded:
    """Return what is in a file, or in a file's bytes: pictures with one channel if they are grey."""
    try:
        with opened(file) as image:
            if is_sheet(image):
                return Decoded(is_sheet=True)
            number = getattr(image, "n_frames", 1) if image.format in STACKS else 1
            taken = range(number if settings.frames == "all" else 1)
            pictures = tuple(frame(image, i, settings) for i in taken)
            deep = "" if pictures[0].dtype == np.uint8 else "f" if image.mode == "F" else "i"
            return Decoded(pictures, deep, frames_left=number - len(taken))
    except UnidentifiedImageError:
        return Decoded(wrong="UnidentifiedImageError: no picture of a known kind")
    # Pillow raises many kinds of errors for damaged files: SyntaxError, struct.error, its own.
    except Exception as error:
        return Decoded(wrong=f"{type(error).__name__}: {error}")


def frame(image: Image.Image, number: int, settings: DataSettings) -> NDArray[Any]:
    """Return one frame of an open file as uint8 (C, H, W), or as float32 where its numbers are not bytes."""
    image.seek(number)
    image.load()
    picture = flat(ImageOps.exif_transpose(image))
    if image.format == "GIF" and picture.mode == "RGB" and len({band.tobytes() for band in picture.split()}) == 1:
        picture = picture.convert("L")  # frames after the first come without their palette
    if picture.mode == "F" and not np.isfinite(np.asarray(picture)).all():
        raise ValueError("some of its numbers are not finite")
    ends = picture.getextrema() if picture.mode == "F" else None
    picture = fitted(picture, settings.sides, settings.fit) if settings.sides else picture
    pixels = to_array(picture, settings.channels or (3 if picture.mode == "RGB" else 1))
    if ends:  # between which Lanczos's filter does not keep, and by which black and white are found
        pixels = pixels.clip(*ends)
    return to_bytes(pixels, settings.span) if settings.span else pixels


def open_picture(file: Path, span: Span | None = None) -> Image.Image:
    """Return a whole, upright picture in mode L or RGB.

    EXIF orientation is applied, transparency laid on white, other numbers than bytes are scaled to them; of an
    animation it is the first frame. Raises OSError, ValueError or a Pillow error for a file that is damaged or is no
    picture.
    """
    with opened(file) as image:
        image.load()
        kind = "f" if image.mode == "F" else "i"
        picture = flat(ImageOps.exif_transpose(image))
        values = np.asarray(picture)
        if span is None and picture.mode == "F":
            span = span_of(kind, float(values.min()), float(values.max()), str(file))
        return Image.fromarray(to_bytes(values, span)) if span else picture


def opened(file: Path | bytes) -> Image.Image:
    """Return a file, or a file's bytes, as Pillow opens it."""
    return Image.open(io.BytesIO(file) if isinstance(file, bytes) else file)


def is_sheet(image: Image.Image) -> bool:
    """Return whether a file says that it is a sheet of pictures made here."""
    signed = image.info.get("Software") == SOFTWARE or image.info.get("comment") == SOFTWARE.encode()
    return signed or image.getexif().get(ExifTags.Base.Software) == SOFTWARE


def signature(kind: str) -> dict[str, Any]:
    """Return what Pillow needs to write into a file of a format that it is a sheet made here, where that has room."""
    if kind == "PNG":
        info = PngInfo()
        info.add_text("Software", SOFTWARE)
        return {"pnginfo": info}
    if kind in ("GIF", "JPEG"):
        return {"comment": SOFTWARE.encode()}
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = SOFTWARE
    return {"exif": exif}  # others leave it out


@contextmanager
def bombs_refused() -> Iterator[None]:
    """Make Pillow raise, and not only warn, for files that unpack to more pixels than it holds safe.

    Its other warnings, of oddities in files that it reads all the same, are not for the user.
    """
    # Around threads and never within them: they share one list of warning filters.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def flat(image: Image.Image) -> Image.Image:
    """Return `image` in mode F if its numbers are no bytes, L if it is grey, else RGB."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(np.asarray(image, np.float32))
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in GREY_MODES or has_grey_palette(image) else "RGBA")
        white = Image.new(image.mode, image.size, "white")
        image = Image.alpha_composite(white.convert("RGBA"), image.convert("RGBA")).convert(image.mode[:-1])
    return image.convert("L" if image.mode in GREY_MODES or has_grey_palette(image) else "RGB")


def has_grey_palette(image: Image.Image) -> bool:
    """Return whether the colours of a palette that `image` has are grey."""
    if image.mode != "P":
        return False
    used = [i for i, count in enumerate(image.histogram()) if count]
    colours = np.array(image.getpalette("RGB")).reshape(-1, 3)
    return max(used) < len(colours) and bool((colours[used] == colours[used, :1]).all())


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


def to_array(image: Image.Image, channels: int) -> NDArray[Any]:
    """Return `image` as uint8 (C, H, W), or float32 in mode F."""
    if image.mode == "F":
        return np.repeat(np.asarray(image)[None], channels, 0)
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def to_picture(pixels: NDArray[np.uint8]) -> Image.Image:
    """Return uint8 (C, H, W) as a picture."""
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
