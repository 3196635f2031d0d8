"""What all heads for pixels share."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from lunette.errors import LunetteError
from lunette.heads import Head, single
from lunette.images import Binarization, Shape
from lunette.specs import Registry

Kind = Literal["mass", "density", "none"]

ROUNDING = 1 / (12 * 255**2)  # the variance that pixels have from being rounded to 8 bits


LIKELIHOODS: Registry[type[PixelHead]] = Registry("likelihood")


def within(x: Tensor, limit: float) -> Tensor:
    """Return limit · tanh(x / limit): x itself near 0, never beyond ±limit, with a gradient until some 9 limits."""
    return limit * torch.tanh(x / limit)


class PixelHead(Head):
    """Features (…, P·C·H·W), P = `per_pixel` for each pixel, → a distribution of images with event (C, H, W).

    `kind` says what its numbers are: the probability of the picture as it is stored ("mass", never above 1), a
    "density" of pixels in a continuous range, whose nats compare only with those of other densities, or "none" of both.
    """

    kind: Kind
    binarization: Binarization = "none"  # how images are made black and white before they are compared
    batchwise: ClassVar[bool] = False  # whether in training a picture's density depends on the others of its batch
    joint: ClassVar[type[Independent[Any]]] = Independent  # what makes one distribution of those of the pixels

    def __init__(self, shape: Shape, per_pixel: int = 1) -> None:
        super().__init__()
        self.shape = shape
        self.per_pixel = per_pixel
        self.features = per_pixel * math.prod(shape)

    @classmethod
    def made(cls, number: tuple[Any, ...], shape: Shape, binarization: Binarization) -> PixelHead:
        """Return the head with the number that follows its name; raises LunetteError for black-and-white images."""
        if binarization != "none":
            raise LunetteError(
                f"binarize {binarization} turns pixels black and white, and {LIKELIHOODS.name_of(cls)} is a "
                "distribution of grey ones: use the likelihood bernoulli, or binarize none"
            )
        return cls(shape, *number)

    @property
    def basis(self) -> str:
        """What must be the same where nats of two models are to be compared."""
        return "probability of 8-bit pixels" if self.kind == "mass" else LIKELIHOODS.name_of(type(self))

    def forward(self, features: Tensor) -> Distribution:
        """(…, P·C·H·W) → batch (…), event (C, H, W)."""
        channels, height, width = self.shape
        # Not validated: that costs more than the density, and a step checks that its numbers are finite.
        pixels = self.pixels(single(features).unflatten(-1, (self.per_pixel * channels, height, width)))
        return self.joint(pixels, 3, validate_args=False)

    def pixels(self, features: Tensor) -> Distribution:
        """Return the distribution of each pixel on its own; `features` are (…, P·C, H, W), P pictures stacked."""
        raise NotImplementedError


class PixelDistribution(Distribution):
    """A distribution of each pixel on its own: batch `shape`, no event, never validated."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)

    def __init__(self, shape: torch.Size) -> None:
        super().__init__(shape, validate_args=False)


def pixel_head(spec: str, shape: Shape, binarization: Binarization = "none") -> PixelHead:
    """Return the head that `spec` names, as NAME or NAME:NUMBER (such as normal:0.1) for images of `shape`.

    The number is a scale that is then not learned, or how many components a logistic-mixture has.

    Raises:
        LunetteError: the name is unknown, its number is not positive or not taken, or images are to be black and white
            under another likelihood than bernoulli.
    """
    head, number = LIKELIHOODS.read(spec)
    return head.made(number, shape, binarization)
