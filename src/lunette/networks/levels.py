"""Networks that are walked up from an image and down to one, with places for codes on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from lunette.errors import LunetteError


class OneBatch(nn.Module):
    """Run `body`, which wants exactly one batch dimension, on inputs with any: (…, *event) → (…, *what it gives)."""

    def __init__(self, body: nn.Module, event_dims: int) -> None:
        super().__init__()
        self.body = body
        self.event_dims = event_dims

    def forward(self, x: Tensor) -> Tensor:
        """(…, *event) → (…, *what the body gives)."""
        batch, event = x.shape[: -self.event_dims], x.shape[-self.event_dims :]
        out = self.body(x.reshape(-1, *event))
        return out.reshape(*batch, *out.shape[1:])


@dataclass(frozen=True)
class Level:
    """One level of a network that is walked both ways: `up` makes its state of the one below, `down` the way back.

    The state has `shape` (F), or (C, H, W) of places; below the first level are the image on the way up and
    the features of its pixels on the way down.
    """

    up: nn.Module
    down: nn.Module
    shape: tuple[int, ...]

    @property
    def places(self) -> int:
        """The number of places that a state has, H·W, or 1."""
        return math.prod(self.shape[1:])

    def reader(self, features: int) -> nn.Module:
        """Return a layer from a state (…, *shape) to flat features, (…, features · places)."""
        width, *sides = self.shape
        if not sides:
            return nn.Linear(width, features)
        return OneBatch(nn.Sequential(nn.Conv2d(width, features, 3, padding=1), nn.Flatten()), event_dims=3)

    def writer(self, features: int) -> nn.Module:
        """Return a layer from flat features (…, features · places) to a state, (…, *shape)."""
        width, *sides = self.shape
        if not sides:
            return nn.Linear(features, width)
        body = nn.Sequential(nn.Unflatten(1, (features, *sides)), nn.Conv2d(features, width, 3, padding=1))
        return OneBatch(body, event_dims=1)


def topmost(levels: Sequence[Level], n: int) -> list[Level]:
    """Return the last n levels, the first of which takes those below it along.

    Raises LunetteError where there are fewer.
    """
    if not 0 < n <= len(levels):
        raise LunetteError(
            f"a network of {len(levels)} layers has places for 1 to {len(levels)} rungs of codes, not {n}: "
            "name more layers, such as mlp:512,256,128 or residual:32/2,32,64/2,64, or ask for fewer rungs"
        )
    below = levels[: len(levels) - n + 1]
    up = nn.Sequential(*(level.up for level in below))
    down = nn.Sequential(*(level.down for level in reversed(below)))
    return [Level(up, down, below[-1].shape), *levels[len(below) :]]
