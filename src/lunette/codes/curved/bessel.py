"""Modified Bessel functions of any order, on any device, with their gradient."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LARGE = 16  # from this order on four terms of Debye's expansion err by less than 2e-8


def log_bessel(order: float, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return log(I_ν(x) / x^ν) − x and I_{ν+1}(x) / I_ν(x) for the order ν ≥ 0 and x ≥ 0, both of x's shape.

    I_ν is the modified Bessel function of the first kind. The first is finite for all x, 0 too, and its
    derivative is the second minus 1. From a large order down by ρ_ν = I_{ν+1} / (x I_ν) =
    1 / (2(ν + 1) + x² ρ_{ν+1}), which is stable that way; all of it is smooth, so autograd has the gradient.
    Source: DLMF §10.29, §10.41.
    """
    steps = max(0, math.ceil(LARGE - order))
    log = debye(order + steps, x)
    ρ = [(debye(order + steps + 1, x) - log).exp()]
    square = x.square()
    for step in range(steps):
        ρ.append((2 * (order + steps - step) + square * ρ[-1]).reciprocal())
    return log - torch.stack(ρ).log()[1:].sum(0), x * ρ[-1]


def debye(order: float, x: Tensor) -> Tensor:
    """Return log(I_ν(x) / x^ν) − x for a large order ν, uniformly in x, by the logarithm of Debye's expansion."""
    root = torch.sqrt(order**2 + x.square())
    p = (order / root).square()
    series = (3 - 5 * p) / (24 * root) + (1 - 6 * p + 5 * p**2) / (16 * root**2)
    series = series + (375 - 4779 * p + 9945 * p**2 - 5525 * p**3) / (5760 * root**3)
    series = series + (13 - 284 * p + 1062 * p**2 - 1356 * p**3 + 565 * p**4) / (128 * root**4)
    # √(ν² + x²) − x without the difference of two large numbers.
    return order**2 / (root + x) - order * torch.log(order + root) - torch.log(2 * math.pi * root) / 2 + series
