"""Writes the table of all recipes in docs/recipes.md, from the registry: python examples/recipe_table.py."""

from __future__ import annotations

import re
from pathlib import Path

from lunette.recipes import RECIPES, arguments, build, describe, find, summary

DOCS = Path(__file__).parent.parent / "docs" / "recipes.md"
SHAPE = (1, 28, 28)
START, END = "<!-- made by examples/recipe_table.py -->", "<!-- end -->"


def row(name: str) -> str:
    """Return the line of one recipe: name, the difference, the paper, what it can do, and its lines of code."""
    difference, paper = re.fullmatch(r"(.*) \(([^()]*)\)\.", summary(name)).groups()  # type: ignore[union-attr]
    known = [argument.name for argument in arguments(name)]
    can = describe(build(name, SHAPE, {"likelihood": "normal"} if "likelihood" in known else {}, labels=10))
    file = Path(find(name).__code__.co_filename)
    is_row = name != file.stem  # of another's file, with other defaults
    lines = "a row" if is_row else str(len(file.read_text().splitlines()))
    own = [argument for argument in known if argument not in SHARED]
    flags = ", ".join(f"`--{argument.replace('_', '-')}`" for argument in own)
    marks = ["yes" if answer else "–" for answer in (can.sampling, can.density)]
    difference = difference.replace("|", "\\|")
    return f"| `{name}` | {difference} | {paper} | {flags} | {' | '.join(marks)} | {lines} |"


SHARED = {argument.name for name in ("vae", "autoencoder") for argument in arguments(name)}


def table() -> str:
    """Return the whole table."""
    head = "| recipe | what it is | paper | its own flags | draws new pictures | can have a density | lines |"
    return "\n".join([head, "| --- " * 7 + "|", *map(row, sorted(RECIPES))])


def main() -> None:
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    DOCS.write_text(f"{before}{START}\n\n{table()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
