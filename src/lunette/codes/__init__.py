"""Distributions of codes: what an encoder's head returns, and priors."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor
from torch.distributions import Distribution

from lunette.codes.categorical import Categories, CategoryHead, UniformCategories
from lunette.codes.dirac import Dirac, DiracHead
from lunette.codes.head import CodeHead
from lunette.codes.normal import NormalHead, StandardNormal
from lunette.codes.quantised import Codebooks, Quantised, QuantisedHead
from lunette.codes.sequence import SequenceCodes, SequencePrior, Sequences

__all__ = [
    "Categories",
    "CategoryHead",
    "CodeHead",
    "Codebooks",
    "Dirac",
    "DiracHead",
    "NormalHead",
    "Prior",
    "Quantised",
    "QuantisedHead",
    "SequenceCodes",
    "SequencePrior",
    "Sequences",
    "StandardNormal",
    "UniformCategories",
]


class Prior(Protocol):
    """p(z) or p(z | y), a module that returns a distribution with event (D)."""

    def __call__(self, y: Tensor | None = None) -> Distribution:
        """Return the prior, for labels `y` (N,) where it depends on them."""
        ...
