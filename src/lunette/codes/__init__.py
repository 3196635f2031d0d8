"""Distributions of codes: what an encoder's head returns, and priors."""

from __future__ import annotations

from lunette.codes.conditioning import Conditioner, Conditioning
from lunette.codes.curved.ball import BallPrior
from lunette.codes.curved.sphere import SpherePrior
from lunette.codes.dirac import Dirac, DiracHead
from lunette.codes.discrete.categorical import Categories, CategoryHead, UniformCategories
from lunette.codes.discrete.quantised import Codebooks, Quantised, QuantisedHead
from lunette.codes.discrete.sequence import SequenceCodes, SequencePrior, Sequences
from lunette.codes.discrete.tokens import TokenHead, Tokens
from lunette.codes.hamiltonian.geometry import Curved
from lunette.codes.hamiltonian.leapfrog import Flat, HamiltonianPosterior, Leapfrog, Tempering, leapfrog
from lunette.codes.head import CodeHead, wide
from lunette.codes.mixture import Vamp
from lunette.codes.normal import NormalHead, StandardNormal, factors, tempered
from lunette.codes.path import log_prob_by_path
from lunette.codes.posteriors import POSTERIORS, code_head
from lunette.codes.prior import Prior
from lunette.codes.priors import PRIORS, make_prior
from lunette.specs import import_all

__all__ = [
    "POSTERIORS",
    "PRIORS",
    "BallPrior",
    "Categories",
    "CategoryHead",
    "CodeHead",
    "Codebooks",
    "Conditioner",
    "Conditioning",
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
    "TokenHead",
    "Tokens",
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

# What a file here defines registers itself: a new posterior or prior is a new file, and nothing else.
import_all(__name__)
