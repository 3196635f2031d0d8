"""Distributions of pixels: what a decoder's head returns."""

from __future__ import annotations

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
from lunette.likelihoods.pixels import LIKELIHOODS, Kind, PixelHead, pixel_head
from lunette.specs import import_all

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
    "pixel_head",
]

# What a file here defines registers itself: a new likelihood is a new file, and nothing else.
import_all(__name__)
