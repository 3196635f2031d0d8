"""An objective is a table of terms and their weights."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from lunette.errors import LunetteError
from lunette.models import LatentModel, Trace
from lunette.objectives.players import Adversary, Updating
from lunette.objectives.weights import Balanced, Schedule

Term = Callable[[LatentModel, Trace], Tensor]
AnyTerm = TypeVar("AnyTerm", bound=Callable[..., Any])
AnyWeight = TypeVar("AnyWeight", float, Tensor)
WITHOUT_UNIT: set[str] = set()


@dataclass(frozen=True)
class Objective:
    """loss = Σ weight · term, in nats an image; a weight is a number or a schedule over epochs.

    What is logged is exactly what is here: each term by its name, unweighted. `samples` is K.
    """

    terms: Mapping[Term, float | Schedule]
    samples: int = 1

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise LunetteError(f"an objective takes 1 draw of each code or more, not {self.samples}")
        twice = [name for name, n in Counter(map(name_of, self.terms)).items() if n > 1]
        if twice:
            raise LunetteError(f"an objective names each of its terms once, and {twice[0]!r} is there twice")
        final = self.weights(math.inf)
        for name, weight in final.items():
            if not 0 <= weight < math.inf:
                raise LunetteError(f"the weight of the {name} must be 0 or more, and finite, not {weight}")
        for name, balance in self._balances.items():
            if balance.reference not in final or balance.reference == name:
                raise LunetteError(f"the {name} is balanced with {balance.reference!r}, which is no other term")
        if not any(final.values()):
            raise LunetteError("every term of the objective has weight 0, so there is nothing to train")

    @property
    def players(self) -> tuple[Adversary, ...]:
        """The terms that have parameters of their own to train."""
        return tuple(term for term in self.terms if isinstance(term, Adversary))

    @property
    def updating(self) -> tuple[Updating, ...]:
        """The terms that move the model's buffers after each step."""
        terms: Iterable[object] = self.terms
        return tuple(term for term in terms if isinstance(term, Updating))

    @property
    def learns_beside(self) -> bool:
        """Whether a step of the model is followed by others'."""
        return bool(self.players or self.updating)

    def weights(self, epoch: float, step: float = math.inf) -> dict[str, float]:
        """Return each term's weight when `epoch` epochs, with fractions, and `step` steps have passed."""
        found = {}
        for term, weight in self.terms.items():
            passed = step if getattr(weight, "over", "epochs") == "steps" else epoch
            found[name_of(term)] = weight(passed) if callable(weight) else float(weight)
        return found

    def balanced(
        self, values: Mapping[str, Tensor], weights: Mapping[str, AnyWeight]
    ) -> Mapping[str, AnyWeight | Tensor]:
        """Return the weights, those that depend on gradients times what they take from the terms' `values`."""
        if not self._balances:
            return weights
        found: dict[str, AnyWeight | Tensor] = dict(weights)
        for name, balance in self._balances.items():
            if name in found and not (isinstance(found[name], float) and found[name] == 0):
                found[name] = found[name] * balance.factor(values[name], values[balance.reference])
        return found

    @functools.cached_property
    def _balances(self) -> dict[str, Balanced]:
        inner = {name_of(term): getattr(weight, "weight", weight) for term, weight in self.terms.items()}
        outer = {name_of(term): weight for term, weight in self.terms.items() if isinstance(weight, Balanced)}
        return {name: weight for name, weight in inner.items() if isinstance(weight, Balanced)} | outer

    def __call__(self, model: LatentModel, trace: Trace) -> dict[str, Tensor]:
        """Return each term's mean over the images of the trace, a scalar by name, unweighted."""
        return {name_of(term): term(model, trace).mean() for term in self.terms}


def loss(values: Mapping[str, Tensor], weights: Mapping[str, Any]) -> Tensor:
    """Return Σ weight · value; a term of weight 0 is left out, so that it cannot spoil the sum by ∞ · 0.

    A weight that is a tensor is not looked at, because looking waits for a GPU: leave those of 0 out yourself.
    """
    parts = [weight * values[name] for name, weight in weights.items() if isinstance(weight, Tensor) or weight != 0]
    # At the start of a warm-up that can be all of them: a loss of 0 that the weights have a part in.
    return sum(parts[1:], parts[0]) if parts else 0 * sum(values.values(), torch.zeros(()))


def name_of(term: Term) -> str:
    """Return a term's name: a function's own, or its class's in lower case with underscores."""
    return _with_underscores(getattr(term, "__name__", type(term).__name__))


@functools.cache
def _with_underscores(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def without_unit(term: AnyTerm) -> AnyTerm:
    """Mark a term, a function or a class of them, as one that is not in nats, so that nothing says it is."""
    WITHOUT_UNIT.add(name_of(term))
    return term


def unit_of(*names: str) -> str:
    """Return the unit of the terms of these names, or of their sum: empty where one of them has none."""
    return "" if WITHOUT_UNIT.intersection(names) else "nats an image"
