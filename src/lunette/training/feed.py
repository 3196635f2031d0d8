"""Training pictures by their numbers, as batches on the device; no per-image work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor


class Feed:
    """Pictures (N, C, H, W), uint8, which lie on the device for the whole of training."""

    def __init__(self, pixels: Tensor, device: torch.device) -> None:
        self.device = device
        self.pixels = pixels.to(device)

    def __call__(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield the pictures of each index (n,), uint8 (n, C, H, W) on the device."""
        for index in indices:
            yield self.pixels.index_select(0, index.to(self.device))
