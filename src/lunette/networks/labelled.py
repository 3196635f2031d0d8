"""Networks that are told what a picture shows."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from lunette.errors import LunetteError
from lunette.images import Shape


class ReadingLabels(nn.Module):
    """`network` on images with one channel more, which is a learned picture of the label."""

    def __init__(self, network: nn.Module, shape: Shape, labels: int) -> None:
        super().__init__()
        self.network = network
        self.side = shape[1:]
        self.pictures = nn.Embedding(labels, shape[1] * shape[2])

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Images x (N, C, H, W) with labels y (N,) → what the network makes of them."""
        picture = self.pictures(told(y)).unflatten(-1, (1, *self.side))
        return self.network(torch.cat([x, picture], dim=-3))


class DrawingLabels(nn.Module):
    """`network` on codes with `labels` numbers more, of which the label's is 1 and the others are 0."""

    def __init__(self, network: nn.Module, labels: int) -> None:
        super().__init__()
        self.network = network
        self.labels = labels

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Codes z (…, N, D) with labels y (N,) → what the network makes of them."""
        which = one_hot(told(y), self.labels).to(z.dtype)
        return self.network(torch.cat([z, which.expand(*z.shape[:-1], -1)], dim=-1))


def told(y: Tensor | None) -> Tensor:
    """Return the labels; raises LunetteError where there are none."""
    if y is None:
        raise LunetteError("this model is told what each picture shows, and was not: say it with --label")
    return y
