"""Distributions of pixels: what a decoder's head returns."""

from __future__ import annotations

from lunette.errors import LunetteError, unknown
from lunette.images import Binarization, Shape
from lunette.likelihoods.bernoulli import BernoulliHead, ContinuousBernoulliHead
from lunette.likelihoods.location import LaplaceHead, NormalPixelHead, SquaredErrorHead, UnnormalisedNormal
from lunette.likelihoods.pixels import PixelHead

__all__ = [
    "BernoulliHead",
    "ContinuousBernoulliHead",
    "LaplaceHead",
    "NormalPixelHead",
    "PixelHead",
    "SquaredErrorHead",
    "UnnormalisedNormal",
    "pixel_head",
]

WITH_SCALE = {"normal": NormalPixelHead, "laplace": LaplaceHead, "squared-error": SquaredErrorHead}
LIKELIHOODS = ("bernoulli", "continuous-bernoulli", *WITH_SCALE)


def pixel_head(spec: str, shape: Shape, binarization: Binarization = "none") -> PixelHead:
    """Return the head that `spec` names, as NAME or NAME:SCALE (such as normal:0.1) for images of `shape`.

    Raises LunetteError for an unknown name, a scale that is not a positive number or that the likelihood does
    not have, and for black-and-white images with any other likelihood than bernoulli.
    """
    name, _, scale = spec.partition(":")
    if name not in LIKELIHOODS:
        raise unknown("likelihood", name, LIKELIHOODS)
    if binarization != "none" and name != "bernoulli":
        raise LunetteError(
            f"binarize {binarization} turns pixels black and white, and {name} is a density of grey ones: "
            "use the likelihood bernoulli, or binarize none"
        )
    if name in WITH_SCALE:
        try:
            return WITH_SCALE[name](shape, float(scale) if scale else None)
        except ValueError:
            raise LunetteError(f"the scale of likelihood {spec!r} must be a number, like {name}:0.1") from None
    if scale:
        raise LunetteError(f"likelihood {name} has no scale: write {name!r}, not {spec!r}")
    return BernoulliHead(shape, binarization) if name == "bernoulli" else ContinuousBernoulliHead(shape)
