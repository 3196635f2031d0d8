"""What a recipe's model can be asked for."""

from __future__ import annotations

from dataclasses import dataclass

from lunette.errors import Unsupported
from lunette.likelihoods import PixelHead
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


@dataclass(frozen=True)
class Ability:
    """Whether a model can do something: true, unless `why_not` says why it cannot."""

    why_not: str = ""

    def __bool__(self) -> bool:
        return not self.why_not

    def __str__(self) -> str:
        return f"no: {self.why_not}" if self.why_not else "yes"


@dataclass(frozen=True)
class Description:
    """What the model of a recipe can do."""

    density: Ability  # a bound on log p(x), in nats or bits, that can be compared
    compression: Ability  # without loss, by bits-back coding, at that bound
    sampling: Ability  # new pictures


def describe(made: Recipe) -> Description:
    """Return what the model of a recipe can do."""
    head = made.model.likelihood
    density = no_density(made, head)
    compression = "it has no density" if density else ""
    if not density and head.kind != "mass":
        compression = "its likelihood is of pixels without steps: choose one of levels, like discretized-logistic"
    elif not density and made.model.moves_codes:
        compression = "its posterior has a density only at its own draws, with their momenta"
    sampling = "" if made.model.prior is not None else "it has no prior; lunette fit-prior gives a trained run one"
    return Description(Ability(density), Ability(compression), Ability(sampling))


def no_bound(made: Recipe) -> str:
    """Return why log p(x) has no bound under a recipe's likelihood, which may be no density, or nothing."""
    if made.model.prior is None:
        return "it has no prior"
    try:
        with tried(made, made.model.likelihood.shape) as trace:
            log_weights(trace)
    except Unsupported as error:
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
