"""What recipes there are, and what each takes and can do."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from lunette.recipes import RECIPES, Argument, Description, arguments, build, describe, find, summary
from lunette.uses.verb import Flag, verb

SHAPE, LABELS = (1, 28, 28), 10  # what pictures a recipe is asked about: those of MNIST


@dataclass(frozen=True)
class Page:
    """One recipe: its docstring, what its model can do as it is by default, and its arguments."""

    name: str
    text: str
    can: Description
    arguments: tuple[Argument, ...]


@verb("recipes", "data and machine")
def catalogue(
    name: Annotated[str | None, Flag("of a recipe, to see only that one", metavar="NAME")] = None,
) -> Page | Mapping[str, str]:
    """List the recipes with their papers, or say what one of them takes and can do."""
    if name is None:
        return {each: summary(each) for each in sorted(RECIPES)}
    return Page(name, inspect.getdoc(find(name)) or "", describe(build(name, SHAPE, labels=LABELS)), arguments(name))
