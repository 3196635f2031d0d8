"""What a recipe's model can be asked for."""

from __future__ import annotations

from dataclasses import dataclass

from lunette.errors import LunetteError
from lunette.likelihoods import PixelHead
from lunette.models import Hamiltonian
from lunette.objectives import (
    MultipleBound,
    PartialBound,
    distortion,
    doubly_reparameterized_bound,
    importance_bound,
    log_weights,
)
from lunette.recipes.registry import Recipe, tried

LIKELY = (distortion, importance_bound, doubly_reparameterized_bound)  # terms that train log p(x | z)
YES = "yes"


@dataclass(frozen=True)
class Description:
    """Each is "yes", or "no: " and why."""

    density: str  # a bound on log p(x), in nats or bits, that can be compared
    compression: str  # without loss, by bits-back coding, at that bound
    sampling: str  # new pictures


def describe(made: Recipe) -> Description:
    """Return what the model of a recipe can do."""
    head = pixel_head_of(made)
    density = no_density(made, head)
    compression = "it has no density" if density else ""
    if not density and head.kind != "mass":
        compression = "its likelihood is of pixels without steps: choose one of levels, like discretized-logistic"
    elif not density and isinstance(made.model, Hamiltonian) and made.model.steps:
        compression = "its posterior has a density only at its own draws, with their momenta"
    sampling = "" if made.model.prior is not None else "it has no prior; lunette fit-prior gives a trained run one"
    return Description(*(f"no: {why}" if why else YES for why in (density, compression, sampling)))


def pixel_head_of(made: Recipe) -> PixelHead:
    """Return the head that draws the pictures of a recipe's model."""
    return next(module for module in made.model.modules() if isinstance(module, PixelHead))


def no_bound(made: Recipe) -> str:
    """Return why log p(x) has no bound under a recipe's likelihood, which may be no density, or nothing."""
    if made.model.prior is None:
        return "it has no prior"
    try:
        with tried(made, pixel_head_of(made).shape) as trace:
            log_weights(trace)
    except LunetteError as error:
        return str(error)
    return ""


def no_density(made: Recipe, head: PixelHead) -> str:
    """Return why log p(x) has no bound that can be compared with those of other models, or nothing."""
    if why := no_bound(made):
        return why
    weights = made.objective.weights(float("inf"))
    trained = [term for term, weight in zip(made.objective.terms, weights.values(), strict=True) if weight]
    if not any(term in LIKELY or isinstance(term, MultipleBound | PartialBound) for term in trained):
        return "its training does not look at the probability of pictures"
    if head.kind == "none":
        return "its likelihood is no density of grey pixels: train with another, or bernoulli with --binarize dynamic"
    return ""
