"""From what a user names to pictures."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images.pictures import Shape, fitted, flat, to_array, to_picture
from lunette.images.ranges import warn_of_black
from lunette.images.sets import Dataset, Images, Parts, split
from lunette.images.settings import DataSettings, Fit
from lunette.images.sources.arrays import from_arrays
from lunette.images.sources.converting import lines_for
from lunette.images.sources.named import search_folders
from lunette.images.sources.picture import open_file
from lunette.images.sources.source import DEFAULT, SOURCES, NamedSource, Source, path_of
from lunette.specs import import_all

# Besides these, whatever has numbers that NumPy takes: frames, other libraries' tensors, lists of pictures.
Data = str | Path | NDArray[Any] | Tensor | Images | Image.Image | Sequence[Any]


def load(source: Data, settings: DataSettings = DEFAULT, check: bool = True) -> Dataset:
    """Return the training, validation and test pictures of a source.

    Args:
        source: digits, moons (or moons:tilt, moons:size, moons:tilt,size), shapes (or only some of its factors vary:
            shapes:scale,x,y), mnist, fashion-mnist (with a colon, mnist:, where a folder is called so, too), a folder
            of pictures, an .npz, .npy or IDX file, a folder of the four IDX files of such a set, a pack, an array
            (N, H, W), (N, C, H, W) or (N, H, W, C), or Images.
        settings: size, channels, range and the share of validation pictures.
        check: whether the SHA-256 of a pack's pictures is checked, for which all of it is read once.

    Raises:
        LunetteError: the source is none, is damaged, or has fewer than 3 pictures.
    """
    name, parts = str(source) if isinstance(source, str | Path) else "array", read_sized(source, settings, check)
    if isinstance(parts.train.pixels, Tensor):
        warn_of_black(parts.train.pixels, name)
    return split(name, parts, settings.validation)


def read_sized(source: Data, settings: DataSettings, check: bool = True) -> Parts:
    """Return what `read` does, with the size and the channels of `settings`."""
    parts = read(source, settings, check)
    train = resized(parts.train, settings)
    others = (part and in_shape(part, train.shape, settings.fit) for part in (parts.test, parts.validation))
    return Parts(train, *others)


def read(source: Data, settings: DataSettings = DEFAULT, check: bool = True) -> Parts:
    """Return the pictures of a source, in its own splits where it has some."""
    if isinstance(source, Images):
        return Parts(source)
    if not isinstance(source, str | Path):
        return Parts(from_arrays(to_numbers(source), None, "the array", settings))
    return kind_of(str(source)).read(str(source), settings, check)


def kind_of(text: str, data: bool = True) -> Source:
    """Return what kind of source a user's text is, one to train on if it is to be `data`.

    Raises LunetteError where it is none, or may be two.
    """
    found = next((kind for kind in SOURCES if kind.matches(text) and (kind.is_data or not data)), None)
    if found is None:
        raise no_source(text)
    if isinstance(found, NamedSource) and text == found.name:
        own = Path(text)
        if own.exists() and own.resolve() not in [folder.resolve() for folder in search_folders().get(text, [])]:
            raise LunetteError(
                f"{text} is a set that Lunette knows, and there is {own.resolve()}: say {text}: for the set, or "
                f"./{text}"
            )
    return found


def is_name(source: str | Path) -> bool:
    """Return whether `source` is the name of a set, and not a path."""
    return any(isinstance(kind, NamedSource) and kind.matches(str(source)) for kind in SOURCES)


def no_source(text: str) -> LunetteError:
    """Return the error for what is no source, with what was meant perhaps, or how to make one of it."""
    path = path_of(text)
    if not path.exists():
        near = difflib.get_close_matches(text, SET_NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(SET_NAMES)}"
        return LunetteError(f"there is no data source and no path {text!r}: {hint}")
    if lines := lines_for(path):
        return LunetteError(f"{path} cannot be read as it is: make an .npz or a folder of it, such as by\n\n{lines}\n")
    return LunetteError(f"{path} is no source of pictures: give a folder of pictures, an .npz, .npy or IDX file")


def to_numbers(source: object) -> NDArray[Any]:
    """Return what has the numbers of pictures as an array; raises LunetteError for what has none, or hides some."""
    if np.ma.is_masked(source):
        raise LunetteError("some of the array's numbers are masked: fill them, as x.filled(255) does with white")
    if isinstance(source, Tensor):
        numbers = source.detach().cpu().to_dense()
        return (numbers.float() if numbers.dtype == torch.bfloat16 else numbers).numpy()
    if isinstance(source, Image.Image):
        source = [source]
    if hasattr(source, "__array__") and (whole := np.asarray(source)).dtype == object:
        source = list(whole)  # a column of pictures
    if isinstance(source, list | tuple):
        each = [to_numbers_of_one(picture) for picture in source]
        if len({pixels.shape for pixels in each}) > 1:
            raise LunetteError(f"pictures in a list have different shapes: {sorted({x.shape for x in each})[:3]}")
        return np.stack(each) if each else np.empty((0, 1, 1, 1))
    if hasattr(source, "__array__"):
        return np.asarray(source)
    raise LunetteError(
        "pictures come from a name, a path, an array, pictures, a list of them or Images, not from a "
        f"{type(source).__name__}"
    )


def to_numbers_of_one(picture: object) -> NDArray[Any]:
    """Return one of a list's pictures as an array."""
    if isinstance(picture, str | Path):
        picture = open_file(Path(picture))
    if isinstance(picture, Image.Image):
        return np.asarray(flat(picture))
    return to_numbers(picture) if isinstance(picture, Tensor) else np.asarray(picture)


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
    for row, image in zip(pixels, images.pixels[:].numpy(), strict=True):
        row[:] = to_array(fitted(to_picture(image), shape[1:], fit), shape[0])
    return replace(images, pixels=torch.from_numpy(pixels))


def read_pictures(source: Data, shape: Shape, how: DataSettings = DEFAULT) -> Images:
    """Return a user's own pictures in exactly `shape`: one picture file, or any source."""
    return read_with_names(source, shape, how)[0]


def read_with_names(source: Data, shape: Shape, how: DataSettings = DEFAULT) -> tuple[Images, tuple[str, ...]]:
    """Return the same, and the pictures' paths below the folder that they come from; none where they are no files."""
    settings = replace(how, size=f"{shape[1]}x{shape[2]}", channels=1 if shape[0] == 1 else 3)
    if isinstance(source, str | Path):
        images, names = kind_of(str(source), data=False).read_named(str(source), settings)
    else:
        images, names = read(source, settings).train, ()
    return in_shape(images, shape, how.fit), names


# Each kind is a file here that registers itself.
import_all("lunette.images.sources")
SET_NAMES = tuple(kind.name for kind in SOURCES if isinstance(kind, NamedSource))
