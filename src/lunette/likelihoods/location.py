"""Distributions of pixels around a drawn picture: normal (squared error) and Laplace (absolute error)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Laplace, Normal

from lunette.heads import positive
from lunette.images import Shape
from lunette.likelihoods.pixels import PixelHead

FIRST_SCALE = 0.25  # where a learned scale starts: about the spread of a picture's pixels


class LocationHead(PixelHead):
    """The picture μ is the sigmoid of the features; `scale` is one number for all pixels, learned if None."""

    def __init__(self, shape: Shape, scale: float | None = None) -> None:
        super().__init__(shape)
        first = FIRST_SCALE if scale is None else scale
        positive("the scale of the likelihood", first)
        self.log_scale = nn.Parameter(torch.full((1,), math.log(first)), requires_grad=scale is None)

    @property
    def scale(self) -> Tensor:
        """The scale of every pixel, (1,), in units of the pixel range."""
        return self.log_scale.exp()


class NormalPixelHead(LocationHead):
    """log p(x) = −Σ (x − μ)² / 2σ² − C·H·W · log(σ √2π), in nats; `scale` is σ."""

    def pixels(self, features: Tensor) -> Normal:
        """Features are the logits of μ."""
        return Normal(features.sigmoid(), self.scale, validate_args=False)


class LaplaceHead(LocationHead):
    """log p(x) = −Σ |x − μ| / b − C·H·W · log 2b, in nats; `scale` is b."""

    def pixels(self, features: Tensor) -> Laplace:
        """Features are the logits of μ."""
        return Laplace(features.sigmoid(), self.scale, validate_args=False)


class UnnormalisedNormal(Normal):
    """The normal distribution without its constant: log_prob = −(x − μ)² / 2σ².

    With σ² = ½ its negative is the tutorials' squared error. It does not integrate to 1: it is no likelihood.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        """Return −(value − μ)² / 2σ² for each pixel."""
        return -(((value - self.loc) / self.scale) ** 2) / 2


class SquaredErrorHead(LocationHead):
    """log p(x) = −Σ (x − μ)² / 2σ²: the normal without its constant, so `scale` (σ) cannot be learned."""

    def __init__(self, shape: Shape, scale: float | None = None) -> None:
        super().__init__(shape, 0.5**0.5 if scale is None else scale)

    def pixels(self, features: Tensor) -> UnnormalisedNormal:
        """Features are the logits of μ."""
        return UnnormalisedNormal(features.sigmoid(), self.scale, validate_args=False)
