"""Training pictures by their numbers, as batches on the device; no per-image work in this process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lunette.errors import LunetteError
from lunette.images import Pixels

MOST_WORKERS = 8


class Feed:
    """Pictures (N, C, H, W), uint8: those in memory lie on the device for the whole of training.

    Those of a pack are read, and decoded where they are encoded, by worker processes ahead of the steps.
    """

    def __init__(self, pixels: Pixels, device: torch.device) -> None:
        self.device = device
        self.pixels = pixels.to(device) if isinstance(pixels, Tensor) else pixels

    def __call__(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield the pictures of each index (n,), uint8 (n, C, H, W) on the device.

        Raises LunetteError where a picture cannot be decoded, or a worker dies.
        """
        if isinstance(self.pixels, Tensor):
            for index in indices:
                yield self.pixels.index_select(0, index.to(self.device))
        else:
            yield from self._read_ahead(indices)

    def _read_ahead(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        # Without a batch size the loader asks for pixels[index], a whole batch at once.
        loader: DataLoader[Tensor] = DataLoader(self.pixels, batch_size=None, sampler=indices, num_workers=workers())  # type: ignore[arg-type]
        try:
            for images in loader:
                yield images.to(self.device)
        except LunetteError as error:  # which the loader made longer, by where it was raised
            raise LunetteError(str(error).strip().splitlines()[-1].partition(": ")[2]) from error
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise LunetteError(
                "a process that reads pictures ahead died (it was killed, or memory ran out); what was saved is whole: "
                "go on with lunette resume"
            ) from error


def workers() -> int:
    """Return how many processes read ahead: one core is left for training, and the processes of a team share."""
    cores = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return min(MOST_WORKERS, max(1, cores - 1))
