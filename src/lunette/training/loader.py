"""Training pictures and labels by their numbers, as batches on the device; no per-image work in this process."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lunette.errors import LunetteError
from lunette.images import Images, PackedPixels

MOST_WORKERS = 8


class Loader:
    """Pictures (N, C, H, W), uint8: those in memory lie on the device for the whole of training.

    Those of a pack are read for each step; encoded ones are decoded by worker processes ahead of the steps, which
    leave the other cores to training.
    """

    def __init__(self, images: Images, device: torch.device) -> None:
        pixels = images.pixels
        self.device = device
        self.pixels = pixels.to(device) if isinstance(pixels, Tensor) else pixels
        self.labels = None if images.labels is None else images.labels.to(device)
        self.workers = 0
        self.most_threads = sys.maxsize  # that training may have beside the workers
        if isinstance(pixels, PackedPixels) and pixels.is_encoded:
            cores = max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
            self.workers = min(MOST_WORKERS, max(1, cores // 2))
            self.most_threads = max(1, cores - self.workers)

    def __call__(self, indices: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield the pictures of each index (n,), uint8 (n, C, H, W), and their labels (n,), on the device.

        Raises LunetteError where a picture cannot be decoded.
        """
        wanted, kept = itertools.tee(indices)
        for index, pixels in zip(kept, self._pictures(wanted), strict=True):
            yield pixels, None if self.labels is None else self.labels[index.to(self.device)]

    def _pictures(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        if self.workers:
            yield from self._read_ahead(indices)
        elif isinstance(self.pixels, Tensor):
            for index in indices:
                yield self.pixels.index_select(0, index.to(self.device))
        else:
            for index in indices:
                yield self.pixels[index].to(self.device)

    def _read_ahead(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        # Without a batch size the loader asks for pixels[index], a whole batch at once.
        loader: DataLoader[Tensor] = DataLoader(self.pixels, batch_size=None, sampler=indices, num_workers=self.workers)  # type: ignore[arg-type]
        try:
            for images in loader:
                yield images.to(self.device)
        except LunetteError as error:  # which the loader made longer, by where it was raised
            raise LunetteError(str(error).strip().splitlines()[-1].partition(": ")[2]) from error


@contextlib.contextmanager
def lost_workers_told() -> Iterator[None]:
    """Turn the death of a worker into a LunetteError; torch may raise it anywhere, from a signal's handler."""
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise LunetteError(
            "a process that reads pictures ahead died (it was killed, or memory ran out); what was saved is whole: "
            "go on with lunette resume"
        ) from error
