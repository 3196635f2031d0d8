"""Fully connected networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from lunette.images import Shape
from lunette.networks.architecture import ARCHITECTURES, Architecture, Widths
from lunette.networks.levels import Level


def mlp(inputs: int, widths: Sequence[int], features: int) -> nn.Sequential:
    """Linear layers (…, inputs) → widths → (…, features) with ReLU between them."""
    sizes = [inputs, *widths, features]
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def dense_level(below: tuple[int, ...], width: int, features: int | None = None) -> Level:
    """Return a level of `width` units over a state or image of shape `below`; the way down gives that or `features`."""
    inputs = math.prod(below)
    up = nn.Sequential(nn.Flatten(-len(below)), nn.Linear(inputs, width), nn.ReLU())
    down = [nn.ReLU(), nn.Linear(width, features or inputs)]
    if features is None:
        down.append(nn.Unflatten(-1, below))
    return Level(up, nn.Sequential(*down), (width,))


@ARCHITECTURES.register("mlp", Widths("400"))
@dataclass(frozen=True)
class Mlp(Architecture):
    """An encoder of hidden layers `widths` and the decoder that mirrors it."""

    widths: tuple[int, ...]

    def encoder(self, shape: Shape, features: int) -> nn.Sequential:
        """Images (…, C, H, W) → features (…, F)."""
        return nn.Sequential(nn.Flatten(-3), *mlp(math.prod(shape), self.widths, features))

    def decoder(self, inputs: int, shape: Shape, features: int) -> nn.Sequential:  # noqa: ARG002
        """Codes (…, D) → features (…, F)."""
        return mlp(inputs, self.widths[::-1], features)

    def levels(self, shape: Shape, features: int) -> list[Level]:
        """Return a level a layer, from the image up."""
        upper = [dense_level((below,), width) for below, width in pairwise(self.widths)]
        return [dense_level(shape, self.widths[0], features), *upper]
