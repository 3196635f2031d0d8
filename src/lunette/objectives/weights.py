"""Schedules of a term's weight over epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lunette.errors import LunetteError

# Epochs passed, with fractions → weight; one whose `over` is "steps" is asked with the steps passed.
Schedule = Callable[[float], float]
SMALLEST, LARGEST = 1e-4, 1e4  # gradient that a balance divides by, and what it multiplies by


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


@dataclass(frozen=True)
class FromStep:
    """A weight that is 0 for the first `start` steps, and `weight` after: 0 until t ≥ start."""

    weight: float | Schedule
    start: int
    over = "steps"

    def __call__(self, step: float) -> float:
        """Return the weight after `step` steps."""
        return float(self.weight(step) if callable(self.weight) else self.weight) if step >= self.start else 0.0


@dataclass(frozen=True)
class Balanced:
    """A weight λ · `weight` by which a term's gradient at a parameter is as long as that of another term.

        λ = ‖∇ of the term called `reference`‖ / (‖∇ of this term‖ + 10⁻⁴), at most 10⁴, both by `at`

    Each process of several takes the λ of its own part.
    Source: Esser, Rombach, Ommer, "Taming Transformers for High-Resolution Image Synthesis", CVPR 2021.
    """

    weight: float
    reference: str
    at: Tensor

    def __call__(self, epoch: float) -> float:  # noqa: ARG002
        """Return `weight`, which λ multiplies in training."""
        return self.weight

    def factor(self, term: Tensor, reference: Tensor) -> Tensor:
        """Return λ, a scalar without gradient; terms that `at` has no part in have the gradient 0."""
        own, other = (
            torch.autograd.grad(value, self.at, retain_graph=True, materialize_grads=True)[0].norm()
            for value in (term, reference)
        )
        return (other / (own + SMALLEST)).clamp(max=LARGEST)


def warmup(weight: float, epochs: float) -> float | Schedule:
    """Return `weight`, reached linearly over the first `epochs` where that is more than 0."""
    if epochs < 0:
        raise LunetteError(f"a warm-up takes 0 epochs or more, not {epochs}")
    return Warmup(weight, epochs) if epochs else weight
