"""The files of a pack, one picture after another."""

from __future__ import annotations

import io
import os
import struct
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lunette.files import write_through
from lunette.images.packs.index import HEADER_BYTES, PackFile, Part, Shard, describe

SHARD_BYTES = 2**28


class ShardWriter:
    """Appends pictures, all as pixels (C, H, W) or all as bytes, to files of about SHARD_BYTES each."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._shards: list[Shard] = []
        self._file: BinaryIO | None = None
        self._shape: tuple[int, ...] | None = None
        self._ends = array("q", [0])

    def add(self, picture: NDArray[np.uint8] | bytes) -> None:
        """Append a picture."""
        if not isinstance(picture, bytes):
            self._shape, picture = picture.shape, picture.tobytes()
        if self._file is None:
            self._file = self._path("bin" if self._shape is None else "npy").open("wb")
            self._file.write(bytes(0 if self._shape is None else HEADER_BYTES))
        self._file.write(picture)
        self._ends.append(self._ends[-1] + len(picture))
        if self._ends[-1] >= SHARD_BYTES:
            self._finish_shard()

    def finish(self) -> list[Shard]:
        """Return the shards that were written."""
        self._finish_shard()
        return self._shards

    def close(self) -> None:
        """Close a file that is not finished."""
        if self._file is not None:
            self._file.close()

    def _path(self, ending: str) -> Path:
        return self.folder / f"{self.name}-{len(self._shards):05d}.{ending}"

    def _finish_shard(self) -> None:
        if self._file is None:
            return
        count = len(self._ends) - 1
        if self._shape is not None:
            self._file.seek(0)
            self._file.write(header((count, *self._shape)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        offsets = None if self._shape else save_array(self._path("offsets.npy"), np.array(self._ends, np.int64))
        self._shards.append(Shard(count, describe(Path(self._file.name)), offsets))
        self._file, self._ends = None, array("q", [0])


def header(shape: tuple[int, ...]) -> bytes:
    """Return the header of an .npy file, which is written last: how many pictures follow is known only then."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape})
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", HEADER_BYTES - 10) + text.ljust(HEADER_BYTES - 11).encode() + b"\n"


def finished_part(
    folder: Path,
    name: str,
    shards: Iterable[Shard],
    labels: Tensor | None,
    label_names: tuple[str, ...],
    factors: Mapping[str, Tensor] = MappingProxyType({}),
) -> Part:
    """Return a part whose shards are written, after what is known of each picture is, too."""
    return Part(
        tuple(shards),
        None if labels is None else save_array(folder / f"{name}-labels.npy", labels.numpy()),
        label_names,
        {
            key: save_array(folder / f"{name}-factor-{i}.npy", values.numpy())
            for i, (key, values) in enumerate(factors.items())
        },
    )


def save_array(path: Path, values: NDArray[np.generic]) -> PackFile:
    """Write an array to an .npy file; return its entry."""
    data = io.BytesIO()
    np.save(data, values)
    write_through(path, data.getvalue())
    return describe(path)
