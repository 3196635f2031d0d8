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


@dataclass(frozen=True)
class Cyclical:
    """A weight that rises from 0 to `weight` in the first `rise` of each of `cycles`, of `epochs` together; then stays.

    One cycle is plain annealing. Source: Fu et al., "Cyclical Annealing Schedule", NAACL 2019.
    """

    weight: float
    epochs: float
    cycles: int = 1
    rise: float = 0.5

    def __post_init__(self) -> None:
        if not (self.epochs > 0 and self.cycles >= 1 and 0 < self.rise <= 1):
            raise LunetteError(
                f"annealing takes more than 0 epochs, 1 cycle or more and a rise in (0, 1], not {self.epochs}, "
                f"{self.cycles} and {self.rise}"
            )

    def __call__(self, epoch: float) -> float:
        """Return the weight after `epoch` epochs."""
        if epoch >= self.epochs:
            return self.weight
        return self.weight * min(1.0, epoch * self.cycles / self.epochs % 1 / self.rise)


def warmup(weight: float, epochs: float) -> float | Schedule:
    """Return `weight`, reached linearly over the first `epochs` where that is more than 0."""
    if epochs < 0:
        raise LunetteError(f"a warm-up takes 0 epochs or more, not {epochs}")
    return Warmup(weight, epochs) if epochs else weight
