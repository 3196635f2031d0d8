"""What a verb found, in a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from lunette.results.blocks import Block, Heading, Note, Table
from lunette.results.result import Result


def say(result: object) -> None:
    """Print what a result says at length, or where it is."""
    console = Console(highlight=False, markup=False)
    if isinstance(result, Path):
        print(result)
    elif isinstance(result, Result):
        for block in result.blocks():
            show(block, console)


def show(block: Block, console: Console) -> None:
    """Print one block."""
    if isinstance(block, str):
        console.print(block, soft_wrap=True)
    elif isinstance(block, Heading):
        console.print(Text(block.text, style="bold"))
    elif isinstance(block, Note):
        console.print(Padding(Text(block.text), (0, 0, 0, 2), expand=False))
    else:
        console.print(grid(block))


def grid(table: Table) -> Grid:
    """Return a table as the terminal draws it: numbers at the right, and what is below a heading indented."""
    columns = max(map(len, (table.headings, *table.rows)), default=0)
    drawn = Grid(box=None, padding=(0, 2, 0, 0), show_header=bool(table.headings), title_justify="left", title_style="")
    drawn.title = table.title or None
    parted = any(len(row) == 1 < columns for row in table.rows)
    for i in range(columns):
        heading = Text(table.headings[i] if i < len(table.headings) else "", overflow="fold")
        side = "right" if i in table.numbers else "left"
        drawn.add_column(heading, justify=side, overflow="fold", no_wrap=not i and columns == 2)  # type: ignore[arg-type]
    for number, row in enumerate(table.rows):
        if len(row) == 1 < columns:
            drawn.add_row(Text(row[0], style="bold"))
            continue
        cells = [Text(cell, style="bold" if (number, i) in table.bold else "") for i, cell in enumerate(row)]
        first = Padding(cells[0], (0, 0, 0, 2)) if parted else cells[0]
        drawn.add_row(first, *cells[1:])
    return drawn
