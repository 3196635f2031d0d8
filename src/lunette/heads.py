"""A head turns a network's features into a probability distribution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from lunette.errors import LunetteError


class Head(nn.Module):
    """Features (…, F) → distribution with batch shape (…); `features` says how many (F) it needs."""

    features: int
    random: bool = False  # whether `target` is drawn anew at each call

    def forward(self, features: Tensor) -> Distribution:
        """Return the distribution that `features` (…, F) describe."""
        raise NotImplementedError

    def target(self, x: Tensor) -> Tensor:
        """Return the values of `x` that the distribution is of; the same shape, and `x` itself by default."""
        return x

    def mean_target(self, x: Tensor) -> Tensor:
        """Return the mean of `target(x)`, where that is drawn at random: what a deterministic encoder reads."""
        return self.target(x)


def positive(name: str, value: float) -> None:
    """Raise LunetteError unless `value` is greater than 0."""
    if not value > 0:
        raise LunetteError(f"{name} must be greater than 0, not {value}")


def single(features: Tensor) -> Tensor:
    """Return features in float32, or in float64 if they are: bfloat16 products give less, which no density stands."""
    return features.to(torch.promote_types(features.dtype, torch.float32))
