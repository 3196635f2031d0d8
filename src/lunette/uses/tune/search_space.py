"""What a search varies: ranges and choices of a recipe's arguments and of training's settings."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, get_args

import torch
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from lunette.errors import LunetteError, unknown
from lunette.images import Dataset
from lunette.objectives import distortion, name_of, rate
from lunette.recipes import Recipe, arguments
from lunette.signatures import described
from lunette.training import TrainingSettings
from lunette.uses.given import built_with_seed, sort_settings
from lunette.uses.tune.study import WIDE

Values = str | Sequence[Any]
Space = Mapping[str, BaseDistribution]
ELBO = "validation −ELBO, nats an image"
NATS = "nats under different likelihoods are not of one scale"
NOT_VARIED = {
    "likelihood": NATS,
    "binarize": NATS,
    "seed": "the best seed is luck, which does not last",
    "pictures": "the trials of a search draw none",
}


def search_space(recipe: str, vary: Mapping[str, Values]) -> Space:
    """Return what each name in `vary` may be: LOW..HIGH, choices with commas, or a sequence of choices.

    Raises LunetteError for a name that the recipe and training do not know or that cannot be searched by loss, and for
    values that cannot be read as its type.
    """
    if not vary:
        raise LunetteError("a search needs something to vary, such as --vary latent=2..64 network=mlp:200,mlp:400")
    kinds = {argument.name: argument.type for argument in (*arguments(recipe), *described(TrainingSettings))}
    for name in vary:
        if name not in kinds:
            raise unknown("setting to vary", name, kinds)
        if name in NOT_VARIED:
            raise LunetteError(f"{name} cannot be varied: {NOT_VARIED[name]}")
    return {name: distribution(name, kinds[name], values) for name, values in vary.items()}


def distribution(name: str, kind: Any, values: Values) -> BaseDistribution:
    """Return the values of one setting, which is of the type `kind`."""
    try:
        low, dots, high = values.partition("..") if isinstance(values, str) else ("", "", "")
        if dots:
            return span(number_of(kind)(low), number_of(kind)(high))
        choices = tuple(choices_in(values, kind) if isinstance(values, str) else values)
        if len(set(choices)) < max(2, len(choices)):
            raise ValueError
    except (ValueError, TypeError):
        raise LunetteError(
            f"cannot vary {name} as {values!r}: give numbers as LOW..HIGH, or two choices or more with commas"
        ) from None
    return CategoricalDistribution(choices)


def number_of(kind: Any) -> type[int] | type[float]:
    """Return which of int and float a type is, perhaps beside None; raises TypeError for others."""
    for number in (int, float):
        if number in (kind, *get_args(kind)):
            return number
    raise TypeError


def span(low: float, high: float) -> BaseDistribution:
    """Return all numbers from `low` to `high`; raises ValueError where there are none."""
    if not -math.inf < low < high < math.inf:
        raise ValueError
    wide = low > 0 and high / low >= WIDE
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=wide)
    return FloatDistribution(low, high, log=wide)


def choices_in(text: str, kind: Any) -> list[Any]:
    """Return choices, which commas part; a comma before a digit belongs to a network, such as mlp:256,128."""
    words = {"true": True, "false": False} if kind is bool else {"none": None} if NoneType in get_args(kind) else {}
    try:
        number = number_of(kind)
    except TypeError:
        return [words.get(part, part) for part in re.split(",(?!\\d)", text)]
    return [words[part] if part in words else number(part) for part in text.split(",")]


def measure(recipe: str, data: Dataset, settings: Mapping[str, Any], space: Space) -> str:
    """Return the name of what trials are compared by.

    Raises LunetteError where a value cannot be used, or changes what a validation loss means.
    """
    for name, values in space.items():
        meanings = []
        for value in ends(values):
            given, how, _ = sort_settings(recipe, {**settings, name: value})
            with torch.random.fork_rng():
                made = built_with_seed(recipe, data.train.shape, given, how.seed, len(data.train.label_names))
            meanings.append(meaning(made))
        if any(other != meanings[0] for other in meanings):
            raise LunetteError(f"{name} cannot be varied: it is a part of what the loss of {recipe} measures")
    return ELBO if meanings[0] is None else "validation loss"


def ends(values: BaseDistribution) -> tuple[Any, ...]:
    """Return both ends of a range, or all choices."""
    if isinstance(values, CategoricalDistribution):
        return values.choices
    assert isinstance(values, IntDistribution | FloatDistribution)
    return values.low, values.high


def meaning(made: Recipe) -> object:
    """Return what must agree for the losses of two recipes of one likelihood to be compared; None for −ELBO."""
    objective = made.objective
    if distortion in objective.terms and rate in objective.terms:
        return None
    weights = objective.weights(math.inf)
    terms = [(name_of(t), weights[name_of(t)], t if dataclasses.is_dataclass(t) else None) for t in objective.terms]
    return [term for term in terms if term[1]], objective.samples, made.model.corrupt
