"""Pictures that stay on the disk: read through a memory map, a batch at a time."""

from __future__ import annotations

import copy
import mmap
from functools import lru_cache
from pathlib import Path
from weakref import WeakSet

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images.packs.index import HEADER_BYTES, INDEX, PackIndex, sha256_of
from lunette.images.permutation import Permutation
from lunette.images.pictures import attempt
from lunette.images.settings import DataSettings

OPEN_SHARDS = 256  # each takes a file handle
RESIDENT_BYTES = 2**26  # of mapped pages, which count as the process's memory until the kernel is told that they may go
FAULT_BYTES = 2**16  # that the kernel maps around a page that is touched


class PackedPixels:
    """A part of a pack, which behaves like a uint8 tensor (N, C, H, W) that is cut along N.

    It pickles without pixels: where it arrives, its files are opened again.
    """

    def __init__(self, folder: Path, index: PackIndex, part: str) -> None:
        self._files = Shards(folder.absolute(), index, part)
        self._order: range | Permutation | Tensor = range(index.parts[part].pictures)

    def __len__(self) -> int:
        return len(self._order)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        return len(self), *self._files.index.shape

    @property
    def is_encoded(self) -> bool:
        """Whether pictures are decoded each time they are read, which takes longer than to read them."""
        return self._files.index.kind == "encoded"

    @property
    def sha256(self) -> str:
        """The SHA-256 of pack.json, which holds those of all files."""
        return sha256_of(self._files.folder / INDEX)

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        """Return some pictures, uint8 (n, C, H, W), in memory.

        Raises LunetteError where an encoded one cannot be decoded.
        """
        return torch.from_numpy(self._files.gather(self._positions(index).numpy()))

    def take(self, index: Tensor | slice | Permutation) -> PackedPixels:
        """Return some pictures without reading them; a slice, also of a permutation, costs no memory."""
        part, order = copy.copy(self), self._order
        if isinstance(index, Permutation) and order == range(index.n):
            part._order = index
        elif isinstance(index, slice) and isinstance(order, Permutation):
            part._order = order.part(index)
        elif isinstance(index, slice) and isinstance(order, range):
            part._order = order[index]
        else:
            part._order = self._positions(index[:] if isinstance(index, Permutation) else index)
        return part

    def _positions(self, index: Tensor | slice) -> Tensor:
        order = self._order
        if isinstance(index, Tensor):
            index = (index.nonzero().flatten() if index.dtype == torch.bool else index).cpu()
        if not isinstance(order, range):
            return order[index]
        if isinstance(index, slice):
            order, index = order[index], torch.arange(len(order[index]))
        elif len(index) and not 0 <= int(index.min()) <= int(index.max()) < len(order):
            raise IndexError(f"pictures are numbered from 0 to {len(order) - 1}")
        return order.start + order.step * index


class Shards:
    """The files of a pack's part, mapped when they are first read."""

    def __init__(self, folder: Path, index: PackIndex, part: str) -> None:
        self.folder, self.index, self.part = folder, index, part
        self._shards = index.parts[part].shards
        self._starts = np.cumsum([0, *(shard.pictures for shard in self._shards)])
        self._size = DataSettings("x".join(map(str, index.shape[1:])), index.fit, 1 if index.shape[0] == 1 else 3)
        self._open = lru_cache(OPEN_SHARDS)(self._map)
        self._touched: WeakSet[mmap.mmap] = WeakSet()
        self._resident = 0

    def __reduce__(self) -> tuple[type[Shards], tuple[Path, PackIndex, str]]:
        return Shards, (self.folder, self.index, self.part)

    def gather(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the pictures at `positions` (n,), uint8 (n, C, H, W)."""
        pixels = np.empty((len(positions), *self.index.shape), np.uint8)
        which = np.searchsorted(self._starts, positions, side="right") - 1
        for i in np.unique(which).tolist():
            rows = np.flatnonzero(which == i)
            local = positions[rows] - self._starts[i]
            mapped, offsets = self._open(i)
            if offsets is None:
                shard = np.frombuffer(mapped, np.uint8, offset=HEADER_BYTES).reshape(-1, *self.index.shape)
                pixels[rows] = shard[local]
            else:
                for row, record in zip(rows, local.tolist(), strict=True):
                    pixels[row] = self._decoded(i, record, mapped[offsets[record] : offsets[record + 1]])
            self._forget(mapped, len(mapped) // self._shards[i].pictures, local)
        return pixels

    def _decoded(self, shard: int, record: int, data: bytes) -> NDArray[np.uint8]:
        found = attempt(data, self._size)
        if not found.pictures:
            path = self.folder / self._shards[shard].data.name
            raise LunetteError(f"record {record} of {path} cannot be decoded ({found.wrong}): pack again")
        return found.pictures[0]

    def _map(self, i: int) -> tuple[mmap.mmap, NDArray[np.int64] | None]:
        shard = self._shards[i]
        try:
            with (self.folder / shard.data.name).open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return mapped, np.load(self.folder / shard.offsets.name) if shard.offsets else None
        except OSError as error:
            raise LunetteError(f"cannot read {self.folder / shard.data.name}: {error.strerror}") from error

    def _forget(self, mapped: mmap.mmap, size: int, rows: NDArray[np.int64]) -> None:
        span = int(rows.max() - rows.min() + 1) * size
        self._resident += min(len(rows) * (size + FAULT_BYTES), span + FAULT_BYTES)
        self._touched.add(mapped)
        # Estimates add up where the same pages are touched again, but never beyond the files themselves.
        if self._resident > RESIDENT_BYTES and sum(map(len, self._touched)) > RESIDENT_BYTES:
            if hasattr(mmap, "MADV_DONTNEED"):
                for each in self._touched:
                    each.madvise(mmap.MADV_DONTNEED)
            self._touched.clear()
            self._resident = 0
