"""Distributions of pixels: what a decoder's head returns."""

from __future__ import annotations

from collections.abc import Callable

from lunette.errors import LunetteError, unknown
from lunette.images import Binarization, Shape
from lunette.likelihoods.bernoulli import BernoulliHead, ContinuousBernoulliHead
from lunette.likelihoods.levels import BetaBinomialHead, CategoricalHead
from lunette.likelihoods.location import (
    LaplaceHead,
    NormalPixelHead,
    OptimalNormalHead,
    SquaredErrorHead,
    StudentTHead,
    UnnormalisedNormal,
)
from lunette.likelihoods.logistic import DiscretizedLogisticHead, LogisticMixtureHead
from lunette.likelihoods.pixels import Kind, PixelHead

__all__ = [
    "LIKELIHOODS",
    "BernoulliHead",
    "BetaBinomialHead",
    "CategoricalHead",
    "ContinuousBernoulliHead",
    "DiscretizedLogisticHead",
    "Kind",
    "LaplaceHead",
    "LogisticMixtureHead",
    "NormalPixelHead",
    "OptimalNormalHead",
    "PixelHead",
    "SquaredErrorHead",
    "StudentTHead",
    "UnnormalisedNormal",
    "name_of_head",
    "pixel_head",
]

# Each name that a number may follow, with an example of one: a scale, or a count of components.
WITH_NUMBER: dict[str, tuple[Callable[..., PixelHead], float]] = {
    "normal": (NormalPixelHead, 0.1),
    "laplace": (LaplaceHead, 0.1),
    "student-t": (StudentTHead, 0.1),
    "squared-error": (SquaredErrorHead, 0.1),
    "discretized-logistic": (DiscretizedLogisticHead, 0.1),
    "logistic-mixture": (LogisticMixtureHead, 5),
}
WITHOUT_NUMBER: dict[str, Callable[..., PixelHead]] = {
    "bernoulli": BernoulliHead,
    "continuous-bernoulli": ContinuousBernoulliHead,
    "optimal-normal": OptimalNormalHead,
    "beta-binomial": BetaBinomialHead,
    "categorical": CategoricalHead,
}
LIKELIHOODS = (*WITHOUT_NUMBER, *WITH_NUMBER)


def pixel_head(spec: str, shape: Shape, binarization: Binarization = "none") -> PixelHead:
    """Return the head that `spec` names, as NAME or NAME:NUMBER (such as normal:0.1) for images of `shape`.

    The number is a scale that is then not learned, or how many components a logistic-mixture has. Raises LunetteError
    for an unknown name, a number that is not positive or that the likelihood does not take, and for black-and-white
    images with any other likelihood than bernoulli.
    """
    name, _, number = spec.partition(":")
    if name not in LIKELIHOODS:
        raise unknown("likelihood", name, LIKELIHOODS)
    if name == "bernoulli" and not number:
        return BernoulliHead(shape, binarization)
    if binarization != "none" and name != "bernoulli":
        raise LunetteError(
            f"binarize {binarization} turns pixels black and white, and {name} is a distribution of grey ones: "
            "use the likelihood bernoulli, or binarize none"
        )
    if name in WITHOUT_NUMBER:
        if number:
            raise LunetteError(f"likelihood {name} takes no number: write {name!r}, not {spec!r}")
        return WITHOUT_NUMBER[name](shape)
    head, example = WITH_NUMBER[name]
    try:
        return head(shape, type(example)(number)) if number else head(shape)
    except ValueError:
        whole = "whole " if isinstance(example, int) else ""
        raise LunetteError(f"what follows likelihood {name} must be a {whole}number, like {name}:{example}") from None


def name_of_head(head: PixelHead) -> str:
    """Return the name, without its number, that makes a head of this kind."""
    made = {name: head for name, (head, _) in WITH_NUMBER.items()} | WITHOUT_NUMBER
    return next((name for name, kind in made.items() if type(head) is kind), type(head).__name__)
