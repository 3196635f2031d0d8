"""Distributions of codes: what an encoder's head returns, and priors."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor
from torch.distributions import Distribution

from lunette.codes.ball import BallPrior
from lunette.codes.curved import Curved
from lunette.codes.dirac import Dirac, DiracHead
from lunette.codes.hamiltonian import Flat, HamiltonianPosterior, Leapfrog, Tempering, leapfrog
from lunette.codes.head import CodeHead
from lunette.codes.normal import NormalHead, StandardNormal, tempered
from lunette.codes.posteriors import POSTERIORS, code_head
from lunette.codes.prior import CodePrior
from lunette.codes.priors import PRIORS, make_prior
from lunette.codes.sphere import SpherePrior

__all__ = [
    "POSTERIORS",
    "PRIORS",
    "BallPrior",
    "CodeHead",
    "CodePrior",
    "Curved",
    "Dirac",
    "DiracHead",
    "Flat",
    "HamiltonianPosterior",
    "Leapfrog",
    "NormalHead",
    "Prior",
    "SpherePrior",
    "StandardNormal",
    "Tempering",
    "code_head",
    "leapfrog",
    "make_prior",
    "tempered",
]


class Prior(Protocol):
    """p(z) or p(z | y), a module that returns a distribution with event (D)."""

    def __call__(self, y: Tensor | None = None) -> Distribution:
        """Return the prior, for labels `y` (N,) where it depends on them."""
        ...
