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
from lunette.images.packs.index import is_pack, read_index
from lunette.images.packs.packed import PackedPixels
from lunette.images.pictures import SUFFIXES, Shape, bombs_refused, fitted, flat, open_picture, to_array, to_picture
from lunette.images.ranges import Span, warn_of_black
from lunette.images.sets import Dataset, Images, Parts, split
from lunette.images.settings import DataSettings, Fit
from lunette.images.sources.array_files import read_array_file
from lunette.images.sources.arrays import from_arrays
from lunette.images.sources.converting import lines_for
from lunette.images.sources.digits import digits
from lunette.images.sources.folder import read_folder
from lunette.images.sources.moons import moon_source
from lunette.images.sources.named import NAMED, idx_files, read_idx_file, read_idx_folder, read_named, search_folders
from lunette.images.sources.shapes import FACTORS, shape_source
from lunette.names import quoted

# Besides these, whatever has numbers that NumPy takes: frames, other libraries' tensors, lists of pictures.
Data = str | Path | NDArray[Any] | Tensor | Images | Image.Image | Sequence[Any]
SOURCES = ("digits", "moons", "shapes", *NAMED)
DEFAULT = DataSettings()


def is_name(source: str | Path) -> bool:
    """Return whether `source` is the name of a set, and not a path."""
    return str(source).partition(":")[0] in SOURCES


def check_meaning(name: str) -> None:
    """Raise LunetteError where `name` is that of a set, and of a file or folder that is not this set's, too."""
    own = Path(name)
    if own.exists() and own.resolve() not in [folder.resolve() for folder in search_folders().get(name, [])]:
        raise LunetteError(
            f"{name} is a set that Lunette knows, and there is {own.resolve()}: say {name}: for the set, or ./{name}"
        )


def load(source: Data, settings: DataSettings = DEFAULT, check: bool = True) -> Dataset:
    """Return the training, validation and test pictures of `source`.

    A source is digits, moons (or moons:tilt, moons:size, moons:tilt,size), shapes (or only some of its factors vary:
    shapes:scale,x,y), mnist, fashion-mnist (with a colon, mnist:, where a folder is called so, too), a folder of
    pictures, an .npz, .npy or IDX file, a folder of the four IDX files of such a set, a pack, an array or Images.
    `check` a pack's SHA-256, for which all of it is read once.
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
        return Parts(from_arrays(to_numbers(source), None, "the array", settings.span, settings.channels))
    if str(source) in SOURCES:
        check_meaning(str(source))
    kind, _, options = str(source).partition(":")
    if settings.range and kind in SOURCES:
        raise LunetteError(f"{kind} has black and white of its own: leave out --range")
    if kind == "digits" and not options:
        return Parts(digits())
    if kind == "moons" and set(options.split(",")) <= {"", "tilt", "size"}:
        return Parts(moon_source(tuple(options.split(","))))
    if kind == "shapes":
        return Parts(shape_source(tuple(options.split(",") if options else FACTORS)))
    if kind in NAMED and not options:
        return Parts(*read_named(kind))
    return read_path(Path(source).expanduser(), settings, check)


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


def read_path(path: Path, settings: DataSettings, check: bool) -> Parts:
    """Return what `read` does for a path."""
    if is_pack(path):
        return read_pack(path, settings, check)
    if path.is_dir():
        files = read_idx_folder(path)
        return Parts(*files) if files else read_folder(path, settings)[0]
    if not path.exists():
        near = difflib.get_close_matches(str(path), SOURCES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(SOURCES)}"
        raise LunetteError(f"there is no data source and no path {str(path)!r}: {hint}")
    if path.suffix in (".npy", ".npz"):
        return read_array_file(path, settings.span, settings.channels)
    if "idx" in path.name:
        return Parts(read_idx_file(path, settings.span))
    if path.suffix == ".tar":
        raise LunetteError(f"{path} is read from a pack: make one with lunette data pack {quoted(path)} -o FOLDER")
    if lines := lines_for(path):
        raise LunetteError(f"{path} cannot be read as it is: make an .npz or a folder of it, such as by\n\n{lines}\n")
    raise LunetteError(f"{path} is no source of pictures: give a folder of pictures, an .npz, .npy or IDX file")


def read_pack(folder: Path, settings: DataSettings, check: bool) -> Parts:
    """Return the pictures of a pack, whose pixels stay on the disk.

    Raises LunetteError where `settings` ask for another size or other channels.
    """
    index = read_index(folder, check)
    channels, *sides = index.shape
    if settings.sides not in (None, tuple(sides)) or settings.channels not in (None, channels):
        raise LunetteError(
            f"{folder} holds pictures of {' × '.join(map(str, index.shape))} (channels × height × width): for another "
            "--size or other --channels pack the source anew, with lunette data pack"
        )
    parts = {}
    for name, part in index.parts.items():
        labels = torch.from_numpy(np.load(folder / part.labels.name)) if part.labels else None
        factors = {key: torch.from_numpy(np.load(folder / file.name)) for key, file in part.factors.items()}
        parts[name] = Images(PackedPixels(folder, index, name), labels, part.label_names, factors)
    return Parts(**parts)


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
    if isinstance(source, str | Path) and not is_name(source):
        path = Path(source).expanduser()
        if path.suffix.lower() in SUFFIXES and not path.is_dir():
            return read_picture(path, settings), (path.name,)
        if path.is_dir() and not is_pack(path) and not idx_files(path):
            _, images, names = read_folder(path, settings)
            return in_shape(images, shape, how.fit), names
    return in_shape(read(source, settings).train, shape, how.fit), ()


def read_picture(path: Path, settings: DataSettings) -> Images:
    """Return one picture file with the size and the channels of `settings`."""
    image = open_file(path, settings.span)
    assert settings.sides is not None
    assert settings.channels is not None
    image = fitted(image, settings.sides, settings.fit)
    return Images(torch.from_numpy(np.stack([to_array(image, settings.channels)])))


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
