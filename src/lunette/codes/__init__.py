"""Distributions of codes: what an encoder's head returns, and priors."""

from __future__ import annotations

from lunette.codes.ball import BallPrior
from lunette.codes.categorical import Categories, CategoryHead, UniformCategories
from lunette.codes.curved import Curved
from lunette.codes.dirac import Dirac, DiracHead
from lunette.codes.hamiltonian import Flat, HamiltonianPosterior, Leapfrog, Tempering, leapfrog
from lunette.codes.head import CodeHead, wide
from lunette.codes.mixture import Vamp
from lunette.codes.normal import NormalHead, StandardNormal, factors, tempered
from lunette.codes.path import log_prob_by_path
from lunette.codes.posteriors import POSTERIORS, code_head
from lunette.codes.prior import Prior
from lunette.codes.priors import PRIORS, make_prior
from lunette.codes.quantised import Codebooks, Quantised, QuantisedHead
from lunette.codes.sequence import SequenceCodes, SequencePrior, Sequences
from lunette.codes.sphere import SpherePrior

__all__ = [
    "POSTERIORS",
    "PRIORS",
    "BallPrior",
    "Categories",
    "CategoryHead",
    "CodeHead",
    "Codebooks",
    "Curved",
    "Dirac",
    "DiracHead",
    "Flat",
    "HamiltonianPosterior",
    "Leapfrog",
    "NormalHead",
    "Prior",
    "Quantised",
    "QuantisedHead",
    "SequenceCodes",
    "SequencePrior",
    "Sequences",
    "SpherePrior",
    "StandardNormal",
    "Tempering",
    "UniformCategories",
    "Vamp",
    "code_head",
    "factors",
    "leapfrog",
    "log_prob_by_path",
    "make_prior",
    "tempered",
    "wide",
]
