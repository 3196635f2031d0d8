"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from lunette.recipes import RECIPES, arguments, summary


def recipe_table() -> None:
    """Print all recipes: name, what it is and its paper, arguments with their defaults."""
    table = Table(show_header=True, header_style="bold", box=None, padding=(0, 2, 1, 0))
    for heading in ("recipe", "what it is", "arguments"):
        table.add_column(heading, overflow="fold")
    for name in sorted(RECIPES):
        own = "\n".join(f"--{a.name.replace('_', '-')} {a.default}" for a in arguments(name))
        table.add_row(name, summary(name), own)
    Console().print(table)


def facts_table(groups: Mapping[str, Mapping[str, object]]) -> None:
    """Print facts in groups, a line each."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for group, facts in groups.items():
        table.add_row(f"[bold]{group}[/bold]", "")
        for name, value in facts.items():
            table.add_row(f"  {name}", str(value))
    Console(highlight=False).print(table)
