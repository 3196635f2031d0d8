"""Tables for the terminal."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lunette.numbers import figures
from lunette.recipes import RECIPES, arguments, build, describe, find, summary
from lunette.uses.evaluation import Evaluation

SHAPE, LABELS = (1, 28, 28), 10  # what pictures a recipe is asked about: those of MNIST


def recipe_table() -> None:
    """Print all recipes: name, what it is and its paper."""
    table = plain_table()
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name in sorted(RECIPES):
        table.add_row(name, summary(name))
    console = Console(highlight=False)
    console.print(table)
    console.print("\nlunette recipes NAME says what one takes, and what its model can be asked for.", soft_wrap=True)


def recipe_page(name: str) -> None:
    """Print one recipe: what it is, what its model can be asked for, its arguments with their defaults."""
    can = describe(build(name, SHAPE, labels=LABELS))
    table = plain_table()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("[bold]its model, as it is by default[/bold]", "")
    for field in fields(can):
        table.add_row(f"  {field.name}", escape(getattr(can, field.name)))
    table.add_row("", "")
    table.add_row("[bold]arguments[/bold]", "")
    for argument in arguments(name):
        table.add_row(f"  --{argument.name.replace('_', '-')} {argument.default}", escape(argument.help))
    console = Console(highlight=False)
    console.print(f"[bold]{name}[/bold]  {escape(inspect.getdoc(find(name)) or '')}\n")
    console.print(table)
    console.print(f"\nlunette train {name} --help says what training takes beside these.", soft_wrap=True)


def plain_table() -> Table:
    """Return a table without lines or headings."""
    return Table(show_header=False, box=None, padding=(0, 2, 0, 0))


def facts_table(groups: Mapping[str, Mapping[str, object]]) -> None:
    """Print facts in groups, a line each."""
    table = plain_table()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for group, facts in groups.items():
        table.add_row(f"[bold]{group}[/bold]", "")
        for name, value in facts.items():
            table.add_row(f"  {name}", str(value))
    Console(highlight=False).print(table)


def evaluation_table(evaluation: Evaluation) -> None:
    """Print what was measured: a table a group, and its notes below."""
    console = Console(highlight=False)
    for name, group in evaluation.groups.items():
        console.print(f"[bold]{name}[/bold]")
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("")
        for heading in ("value", "± error", "floor"):
            table.add_column(heading, justify="right", style=None)
        table.add_column("unit")
        table.add_column("better")
        for title, n in group.numbers.items():
            table.add_row(escape(title), figures(n.value), figures(n.error), figures(n.floor), n.unit, n.better)
        if group.numbers:
            console.print(table)
        for note in group.notes:
            console.print(f"  {escape(note)}", soft_wrap=True)
        console.print()
