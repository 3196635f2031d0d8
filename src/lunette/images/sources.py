"""From what a user names to pictures."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images.arrays import from_arrays, read_array_file
from lunette.images.digits import digits
from lunette.images.folder import read_folder
from lunette.images.moons import moon_source
from lunette.images.named import NAMED, read_idx_file, read_idx_folder, read_named
from lunette.images.pictures import SUFFIXES, Shape, bombs_refused, fitted, open_picture, to_array, to_picture
from lunette.images.sets import Dataset, Images, split
from lunette.images.settings import DataSettings, Fit

Data = str | Path | NDArray[Any] | Tensor | Images
SOURCES = ("digits", "moons", *NAMED)
DEFAULT = DataSettings()


def is_name(source: str | Path) -> bool:
    """Return whether `source` is the name of a set, and not a path."""
    return str(source).partition(":")[0] in SOURCES


def load(source: Data, settings: DataSettings = DEFAULT) -> Dataset:
    """Return the training, validation and test pictures of `source`.

    A source is digits, moons (or moons:tilt, moons:size, moons:tilt,size), mnist, fashion-mnist, a folder of
    pictures, an .npz, .npy or IDX file, a folder of the four IDX files of such a set, an array or Images.
    """
    images, test = read(source, settings)
    name = str(source) if isinstance(source, str | Path) else "array"
    images = resized(images, settings)
    return split(name, images, test and in_shape(test, images.shape, settings.fit), settings.validation)


def read(source: Data, settings: DataSettings = DEFAULT) -> tuple[Images, Images | None]:
    """Return all pictures of a source, and its own test pictures where it has some."""
    if isinstance(source, Images):
        return source, None
    if isinstance(source, Tensor):
        source = source.detach().cpu().numpy()
    if isinstance(source, np.ndarray):
        return from_arrays(source, None, "the array"), None
    if not isinstance(source, str | Path):
        raise LunetteError(f"pictures come from a name, a path, an array or Images, not from a {type(source).__name__}")
    kind, _, options = str(source).partition(":")
    if str(source) == "digits":
        return digits(), None
    if kind == "moons" and set(options.split(",")) <= {"", "tilt", "size"}:
        return moon_source(tuple(options.split(","))), None
    if str(source) in NAMED:
        return read_named(str(source))
    return read_path(Path(source).expanduser(), settings)


def read_path(path: Path, settings: DataSettings) -> tuple[Images, Images | None]:
    """Return what `read` does for a path."""
    if path.is_dir():
        return read_idx_folder(path) or (read_folder(path, settings), None)
    if not path.exists():
        near = difflib.get_close_matches(str(path), SOURCES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(SOURCES)}"
        raise LunetteError(f"there is no data source and no path {str(path)!r}: {hint}")
    if path.suffix in (".npy", ".npz"):
        return read_array_file(path)
    if "idx" in path.name:
        return read_idx_file(path), None
    raise LunetteError(f"{path} is no source of pictures: give a folder of pictures, an .npz, .npy or IDX file")


def resized(images: Images, settings: DataSettings) -> Images:
    """Return pictures with the size and the channels of `settings`."""
    channels = settings.channels or images.shape[0]
    return in_shape(images, (channels, *(settings.sides or images.shape[1:])), settings.fit)


def in_shape(images: Images, shape: Shape, fit: Fit) -> Images:
    """Return pictures in exactly `shape`."""
    if images.shape == shape:
        return images
    try:
        pixels = np.empty((len(images), *shape), np.uint8)
    except MemoryError:
        raise LunetteError(
            f"{len(images)} pictures of {shape} do not fit into memory: choose a smaller --size"
        ) from None
    for row, image in zip(pixels, images.pixels.numpy(), strict=True):
        row[:] = to_array(fitted(to_picture(image), shape[1:], fit), shape[0])
    return replace(images, pixels=torch.from_numpy(pixels))


def read_pictures(source: Data, shape: Shape, fit: Fit = "crop") -> Images:
    """Return a user's own pictures in exactly `shape`: one picture file, or any source."""
    settings = DataSettings(size=f"{shape[1]}x{shape[2]}", fit=fit, channels=1 if shape[0] == 1 else 3)
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        if path.suffix.lower() in SUFFIXES and not path.is_dir():
            return read_picture(path, shape, fit)
    return in_shape(read(source, settings)[0], shape, fit)


def read_picture(path: Path, shape: Shape, fit: Fit) -> Images:
    """Return one picture file in exactly `shape`."""
    try:
        with bombs_refused():
            image = fitted(open_picture(path), shape[1:], fit)
    except FileNotFoundError:
        raise LunetteError(f"there is no picture {path}") from None
    # Pillow raises many kinds of errors for damaged files: SyntaxError, struct.error, its own.
    except Exception as error:
        raise LunetteError(f"cannot read {path} as a picture: {error}") from error
    return Images(torch.from_numpy(np.stack([to_array(image, shape[0])])))
