"""What recipes there are, and what each takes and can do."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated

from lunette.recipes import RECIPES, Description, arguments, build, describe, find, summary
from lunette.results.blocks import Block, Table, facts
from lunette.results.result import Result
from lunette.signatures import Argument, Flag
from lunette.uses.verb import verb

SHAPE, LABELS = (1, 28, 28), 10  # what pictures a recipe is asked about: those of MNIST


class Catalogue(dict[str, str], Result):
    """All recipes: what each is and its paper, by name."""

    def sentence(self) -> str:
        """Return how many there are."""
        return f"{len(self)} recipes"

    def blocks(self) -> Iterator[Block]:
        """Yield the table of recipes."""
        yield Table(tuple(self.items()), bold=frozenset((i, 0) for i in range(len(self))))
        yield "lunette recipes NAME says what one takes, and what its model can be asked for."


@dataclass(frozen=True)
class Page(Result):
    """One recipe: its docstring, what its model can do as it is by default, and its arguments."""

    name: str
    text: str
    can: Description
    arguments: tuple[Argument, ...]

    def sentence(self) -> str:
        """Return the first line of its docstring."""
        return self.text.split("\n")[0]

    def blocks(self) -> Iterator[Block]:
        """Yield what its docstring says, what its model can do, and its arguments."""
        yield f"{self.name}  {self.text}"
        yield facts({"its model, as it is by default": {f.name: getattr(self.can, f.name) for f in fields(self.can)}})
        flags = {f"--{a.name.replace('_', '-')} {a.default}": a.help for a in self.arguments}
        yield facts({"arguments": flags})
        yield f"lunette train {self.name} --help says what training takes beside these."


@verb("recipes", "data and machine")
def catalogue(
    name: Annotated[str | None, Flag("of a recipe, to see only that one", metavar="NAME")] = None,
) -> Page | Catalogue:
    """List the recipes with their papers, or say what one of them takes and can do.

    Example:
        lunette recipes vae
    """
    if name is None:
        return Catalogue({each: summary(each) for each in sorted(RECIPES)})
    return Page(name, inspect.getdoc(find(name)) or "", describe(build(name, SHAPE, labels=LABELS)), arguments(name))
