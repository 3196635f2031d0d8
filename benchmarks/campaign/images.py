"""A damaged picture in a folder of whole ones, in every format that is read.

Right is that the whole ones are read as ever, and the damaged one too, or else that a warning names it. A PNG has sums
of its own bytes, so that other pixels without a word are wrong; of other formats a changed pixel cannot be told.
"""

from __future__ import annotations

import io
import random
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from campaign import RIGHT, TOLD, WRONG
from campaign.damage import outcome, spoil
from lunette.images import read_with_names

WHOLE = 24  # beside a damaged one, which is then less than the 5 % that are taken for an accident
SIDE = 16
MODES = ("L", "RGB", "RGBA", "P", "I;16", "1")
FORMATS = {
    "PNG": ("png", MODES),
    "JPEG": ("jpg", ("L", "RGB")),
    "GIF": ("gif", ("L", "P")),
    "BMP": ("bmp", ("L", "RGB")),
    "TIFF": ("tif", ("L", "RGB", "I;16")),
    "WEBP": ("webp", ("RGB", "RGBA")),
    "PPM": ("ppm", ("L", "RGB")),
    "JPEG2000": ("jp2", ("L", "RGB")),
    "AVIF": ("avif", ("RGB",)),
}


def originals() -> dict[str, bytes]:
    """Return a picture in every format and mode, by the end of its name."""
    slope = np.linspace(0, 255, SIDE * SIDE).reshape(SIDE, SIDE)
    found = {}
    for kind, (suffix, modes) in FORMATS.items():
        for mode in modes:
            grey = Image.fromarray(slope.astype(np.uint8))
            image = Image.fromarray((slope * 257).astype(np.uint16)) if mode == "I;16" else grey.convert(mode)
            data = io.BytesIO()
            image.save(data, kind)
            found[f"{mode.lower().replace(';', '')}.{suffix}"] = data.getvalue()
    return found


def campaign(trials: int, seed: int) -> Counter[str]:
    """Damage so many pictures; return how often what happened."""
    chance, pictures = random.Random(seed), originals()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(WHOLE):
            Image.fromarray(np.full((SIDE, SIDE, 3), 10 * i, np.uint8)).save(folder / f"whole-{i:02}.png")
        for i in range(trials):
            end, data = list(pictures.items())[i % len(pictures)]
            path = folder / f"damaged-{end}"
            path.write_bytes(spoil(data, chance))
            counts[outcome(lambda path=path, data=data: read(path, data), f"{end}, trial {i}")] += 1  # type: ignore[misc]
            path.unlink()
    return counts


def read(path: Path, data: bytes) -> str:
    """Return what reading the folder of the damaged picture at `path`, which was `data`, comes to."""
    with warnings.catch_warnings(record=True) as said:
        images, names = read_with_names(path.parent, (3, SIDE, SIDE))
    words = [str(warning.message) for warning in said]
    pixels = dict(zip(names, images.pixels[:].numpy(), strict=True))
    damaged = pixels.pop(path.name, None)
    if len(pixels) != WHOLE or any((image != 10 * int(key[6:8])).any() for key, image in pixels.items()):
        return WRONG
    if damaged is None:
        return TOLD if any(path.name in word for word in words) else WRONG
    if path.suffix == ".png":
        whole = path.with_name("original.png")
        whole.write_bytes(data)
        same = (read_with_names(whole, (3, SIDE, SIDE))[0].pixels[:].numpy()[0] == damaged).all()
        whole.unlink()
        return RIGHT if same or words else WRONG
    return RIGHT
