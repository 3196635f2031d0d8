"""The IDX format of MNIST, a big-endian header and bytes: one such file, or a folder of the four of a set."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lunette.errors import LunetteError
from lunette.images.sets import Images, Parts
from lunette.images.settings import DataSettings
from lunette.images.sources.arrays import from_arrays
from lunette.images.sources.source import Source, path_of, source

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
GREY = DataSettings(channels=1)
UNSIGNED_BYTES = 0x08
LONGEST_HEADER = 4 + 4 * 255


def read_bytes(path: Path) -> bytes:
    """Return an IDX file's content, uncompressed; raises LunetteError for a damaged .gz.

    Of a .gz no more is unpacked than its header asks for, and a byte, which may be all that a memory holds.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            head = file.read(LONGEST_HEADER)
            start, shape = header(head, path)
            return head + file.read(max(start + math.prod(shape) + 1 - len(head), 0))
    except (MemoryError, OverflowError):
        sides = " × ".join(map(str, shape))
        raise LunetteError(f"{path} says that it holds {sides} bytes, too many for memory: it is damaged") from None
    except (OSError, EOFError, zlib.error) as error:
        raise LunetteError(f"cannot read {path}: {error}") from error


def header(data: bytes, where: str | Path) -> tuple[int, tuple[int, ...]]:
    """Return where an IDX file's numbers start, and their shape: two zeros, the type, dimensions, 4 bytes for each."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTES:
        raise LunetteError(f"{where} is no IDX file of unsigned bytes: it starts with {data[:4].hex(' ') or 'nothing'}")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise LunetteError(f"{where} ends within its header: it is truncated")
    return start, struct.unpack(f">{data[3]}I", data[4:start])


def parse(data: bytes, where: str | Path) -> NDArray[np.uint8]:
    """Return the array in the content of an IDX file."""
    start, shape = header(data, where)
    if len(data) - start != math.prod(shape):
        raise LunetteError(f"{where} should hold {' × '.join(map(str, shape))} bytes and holds {len(data) - start}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()


def idx_files(folder: Path) -> list[Path]:
    """Return the four IDX files of a folder, or nothing where it does not hold them all."""
    found = [path for file in FILES if (path := existing(folder, file)) is not None]
    return found if len(found) == len(FILES) else []


def pair(contents: list[bytes], paths: list[Path], label_names: tuple[str, ...] = ()) -> tuple[Images, Images]:
    """Return training and test pictures of the four files' contents."""
    train_x, train_y, test_x, test_y = (parse(c, path) for c, path in zip(contents, paths, strict=True))
    train = from_arrays(train_x, train_y, str(paths[0]), GREY)
    test = from_arrays(test_x, test_y, str(paths[2]), GREY)
    # A label that only one of the two has must not shift the other's.
    names = tuple(sorted({*train.label_names, *test.label_names}, key=int))
    return relabelled(train, names, label_names or names), relabelled(test, names, label_names or names)


def relabelled(images: Images, names: tuple[str, ...], shown: tuple[str, ...]) -> Images:
    """Return `images` whose labels are positions in `names`, and are called `shown`."""
    position = torch.tensor([names.index(name) for name in images.label_names])
    return replace(images, labels=position[images.labels], label_names=shown)


def read_idx_file(path: Path, settings: DataSettings = GREY) -> Images:
    """Return the pictures of one IDX file, with labels where the labels file lies beside it."""
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    labels = parse(read_bytes(beside), beside) if beside != path and beside.is_file() else None
    return from_arrays(parse(read_bytes(path), path), labels, str(path), replace(settings, channels=1))


def existing(folder: Path, file: str) -> Path | None:
    """Return the path of `file` or `file`.gz in `folder`, or None."""
    return next((path for path in (folder / file, folder / f"{file}.gz") if path.is_file()), None)


@source
class IdxFolder(Source):
    """A folder that holds the four IDX files of a set like MNIST."""

    def matches(self, text: str) -> bool:  # noqa: D102
        return bool(idx_files(path_of(text)))

    def read(self, text: str, settings: DataSettings, check: bool) -> Parts:  # noqa: ARG002, D102
        paths = idx_files(path_of(text))
        return Parts(*pair([read_bytes(path) for path in paths], paths))


@source
class IdxFile(Source):
    """One IDX file of pictures, whose labels lie beside it or are missing."""

    help = "IDX files"

    def matches(self, text: str) -> bool:  # noqa: D102
        path = path_of(text)
        return path.is_file() and "idx" in path.name and path.suffix not in (".npy", ".npz")

    def read(self, text: str, settings: DataSettings, check: bool) -> Parts:  # noqa: ARG002, D102
        return Parts(read_idx_file(path_of(text), settings))
