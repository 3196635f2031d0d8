"""A shuffled order that takes no memory, however many pictures it orders."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.randomness import stream

ROUNDS = 6
BLOCK = 2**16  # positions that are computed at once, and kept for the slices that follow
WORD = 0xFFFFFFFF


class Permutation:
    """A pseudo-random permutation of 0…n − 1, or the part start…stop − 1 of it: a pure function of (n, seed).

    A Feistel network permutes the smallest even number of bits that holds n; a value from n up is permuted
    again until it lies below (cycle walking: Black and Rogaway, CT-RSA 2002). n is below 2⁶².
    """

    def __init__(self, n: int, seed: int, start: int = 0, stop: int | None = None) -> None:
        self.n, self.seed, self.start, self.stop = n, seed, start, n if stop is None else stop
        self._half = max(1, -(-(n - 1).bit_length() // 2))  # bits of each half
        self._keys = [stream(seed, "permutation", n, i) & WORD for i in range(ROUNDS)]
        self._block: tuple[int, Tensor] = (-1, torch.empty(0, dtype=torch.int64))

    def __len__(self) -> int:
        return self.stop - self.start

    def __reduce__(self) -> tuple[type[Permutation], tuple[int, int, int, int]]:
        return Permutation, (self.n, self.seed, self.start, self.stop)

    def __getitem__(self, index: slice | Tensor) -> Tensor:
        """Return what is at some positions, int64; raises IndexError for one that is not there."""
        if isinstance(index, Tensor):
            if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < len(self):
                raise IndexError(f"positions are from 0 to {len(self) - 1}")
            index = index + self.start
            return self._cut(0, range(self.n))[index] if self.n <= BLOCK else self._permuted(index)
        part = self._positions(index)
        blocks = range(part.start // BLOCK, -(-part.stop // BLOCK)) if part else ()
        return torch.cat([torch.empty(0, dtype=torch.int64), *(self._cut(block, part) for block in blocks)])

    def part(self, index: slice) -> Permutation:
        """Return a slice (of step 1) as a permutation that is computed only when it is read."""
        positions = self._positions(index)
        return Permutation(self.n, self.seed, positions.start, positions.start + len(positions))

    def _positions(self, index: slice) -> range:
        positions = range(self.start, self.stop)[index]
        if positions.step != 1:
            raise IndexError(f"a permutation is cut in steps of 1, not {positions.step}")
        return positions

    def _cut(self, block: int, part: range) -> Tensor:
        first = block * BLOCK
        if self._block[0] != block:
            self._block = block, self._permuted(torch.arange(first, min(first + BLOCK, self.n)))
        return self._block[1][max(part.start - first, 0) : part.stop - first]

    def _permuted(self, positions: Tensor) -> Tensor:
        x = self._network(positions.numpy())
        while (outside := x >= self.n).any():
            x[outside] = self._network(x[outside])
        return torch.from_numpy(x)

    def _network(self, x: NDArray[np.int64]) -> NDArray[np.int64]:
        mask = (1 << self._half) - 1
        left, right = x >> self._half, x & mask
        for key in self._keys:
            left, right = right, left ^ (mixed(right + key & WORD) & mask)
        return left << self._half | right


def mixed(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hash 32-bit words (as int64) to 32 bits; the factor has 27 bits, so that no product leaves 63."""
    x = ((x >> 16) ^ x) * 0x45D9F3B & WORD
    x = ((x >> 16) ^ x) * 0x45D9F3B & WORD
    return (x >> 16) ^ x
