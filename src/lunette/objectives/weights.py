"""Schedules of a term's weight over epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lunette.errors import LunetteError

Schedule = Callable[[float], float]  # epochs passed, with fractions → weight


@dataclass(frozen=True)
class Warmup:
    """A weight that rises linearly from 0 to `weight` over the first `epochs`: weight · min(1, t / epochs)."""

    weight: float
    epochs: float

    def __call__(self, epoch: float) -> float:
        """Return the weight after `epoch` epochs."""
        return self.weight * min(1.0, epoch / self.epochs)


def warmup(weight: float, epochs: float) -> float | Schedule:
    """Return `weight`, reached linearly over the first `epochs` where that is more than 0."""
    if epochs < 0:
        raise LunetteError(f"a warm-up takes 0 epochs or more, not {epochs}")
    return Warmup(weight, epochs) if epochs else weight
