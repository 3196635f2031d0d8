"""A recipe says what to train; the registry finds it by name."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from types import FunctionType
from typing import Any

import torch
from torch import nn

from lunette.errors import LunetteError, unknown
from lunette.images import Shape
from lunette.models import LatentModel, Trace
from lunette.models.trace import NO_PRIOR
from lunette.objectives import Objective, rate
from lunette.signatures import Argument, described


@dataclass(frozen=True)
class Stage:
    """A phase of training beside the main one: `model`, whose parameters belong to the recipe's, for `epochs`."""

    name: str
    model: LatentModel
    objective: Objective
    epochs: int


@dataclass(frozen=True)
class Recipe:
    """A model, what it minimises, and the phases that come before its training and after it.

    The parameters of a phase that comes after, such as a prior over codes that stay as they are, learn only there.
    """

    model: LatentModel
    objective: Objective
    stages: tuple[Stage, ...] = ()
    after: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        if rate in self.objective.terms and self.model.prior is None:
            raise LunetteError(NO_PRIOR)


OF_THE_DATA = ("shape", "labels")
Build = Callable[..., Recipe]
RECIPES: dict[str, Build] = {}


def recipe(build: Build) -> Build:
    """Register a function under its own name as a recipe.

    Args:
        build: (shape, named arguments with defaults) → Recipe, shape being (C, H, W); one that takes `labels`, too,
            makes a conditional model and is told their number. The arguments are its flags.
    """
    RECIPES[build.__name__] = build
    return build


def variant(of: Build, name: str, parts: Any, doc: str) -> Build:
    """Register a recipe that is `of` another with other default `parts`, and says so in `doc`."""
    assert isinstance(of, FunctionType)
    build = FunctionType(of.__code__, of.__globals__, name, (parts,), of.__closure__)
    build.__annotations__, build.__doc__, build.__module__ = of.__annotations__, doc, of.__module__
    return recipe(build)


def find(name: str) -> Build:
    """Return the recipe called `name`; raises LunetteError with the nearest name."""
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name]


def summary(name: str) -> str:
    """Return the first line of a recipe's docstring: what it is and its source."""
    return (inspect.getdoc(find(name)) or "").split("\n")[0]


def arguments(name: str) -> tuple[Argument, ...]:
    """Return a recipe's arguments: all but what the data says (its shape, and its number of labels).

    The fields of an argument that is a dataclass, which several recipes share, are arguments themselves. What is its
    own stands in a short help, too.
    """
    found = list[Argument]()
    for argument in described(find(name), "model"):
        if is_dataclass(argument.type):
            shared = described(argument.type, "model")
            found += [replace(field, default=getattr(argument.default, field.name)) for field in shared]
        elif argument.name not in OF_THE_DATA:
            found.append(replace(argument, flag=replace(argument.flag, common=True)))
    return tuple(found)


def build(name: str, shape: Shape, given: Mapping[str, Any] | None = None, labels: int = 0) -> Recipe:
    """Return the recipe called `name` for images of `shape`, with so many `labels`; `given` replaces its defaults.

    Raises:
        LunetteError: the recipe or an argument is unknown, an argument makes no model, or the images have no labels and
            the recipe needs them.
    """
    given = given or {}
    known = [argument.name for argument in arguments(name)]
    for key in given:
        if key not in known:
            raise unknown(f"argument of recipe {name}", key, known)
    values: dict[str, Any] = {}
    for argument in described(find(name)):
        if argument.name == "labels":
            if not labels:
                raise LunetteError(
                    f"{name} is told what each picture shows, and these have no labels: sort them into sub-folders, "
                    "one a label, or give an .npz with labels"
                )
            values["labels"] = labels
        elif is_dataclass(argument.type):
            own = {f.name: given[f.name] for f in fields(argument.type) if f.name in given}
            values[argument.name] = replace(argument.default, **own)
        elif argument.name in given:
            values[argument.name] = given[argument.name]
    made = find(name)(shape, **values)
    with tried(made, shape) as trace:  # so that terms and parts that do not go together say so before training
        made.objective(made.model, trace)
    return made


@contextlib.contextmanager
def tried(made: Recipe, shape: Shape) -> Iterator[Trace]:
    """Give the trace of a blank picture through a model that is not trained within this."""
    model = made.model
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            y = torch.zeros(1, dtype=torch.int64, device=device) if model.labels else None
            yield model.trace(torch.zeros(1, *shape, device=device), y, samples=made.objective.samples)
    finally:
        model.train(was_training)


def size(model: nn.Module) -> int:
    """Return the number of trainable parameters of a model."""
    return sum(math.prod(p.shape) for p in model.parameters() if p.requires_grad)
