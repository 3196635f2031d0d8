"""What results say at length, as data: a terminal, a notebook and a page each show it in their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any


@dataclass(frozen=True)
class Heading:
    """A line above others."""

    text: str


@dataclass(frozen=True)
class Note:
    """A sentence below a table."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of cells; a row of one cell is the heading of those below it."""

    rows: tuple[tuple[str, ...], ...]
    headings: tuple[str, ...] = ()
    title: str = ""
    numbers: tuple[int, ...] = ()  # columns whose cells stand at the right
    bold: frozenset[tuple[int, int]] = frozenset()  # (row, column) of cells


Block = str | Heading | Note | Table


def facts(groups: Mapping[str, Mapping[str, object]]) -> Table:
    """Return facts by name in groups as a table of two columns."""
    rows = [row for group, each in groups.items() for row in ((group,), *((n, str(v)) for n, v in each.items()))]
    return Table(tuple(rows))


def to_dict(block: Block) -> Any:
    """Return a block as JSON has it."""
    if isinstance(block, str):
        return block
    return {
        type(block).__name__.lower(): asdict(block) | ({"bold": sorted(block.bold)} if isinstance(block, Table) else {})
    }


def to_html(block: Block) -> str:
    """Return a block as HTML."""
    if isinstance(block, str):
        return f"<p>{escape(block)}</p>"
    if isinstance(block, Heading):
        return f"<h4>{escape(block.text)}</h4>"
    if isinstance(block, Note):
        return f"<p><small>{escape(block.text)}</small></p>"
    columns = max(map(len, (block.headings, *block.rows)), default=0)

    def row(cells: tuple[str, ...], number: int) -> str:
        if len(cells) == 1 < columns:
            return f'<tr><th colspan="{columns}" style="text-align:left">{escape(cells[0])}</th></tr>'
        shown = [f"<b>{escape(c)}</b>" if (number, i) in block.bold else escape(c) for i, c in enumerate(cells)]
        sides = ["right" if i in block.numbers else "left" for i in range(len(cells))]
        return f"<tr>{''.join(f'<td style=text-align:{s}>{c}</td>' for s, c in zip(sides, shown, strict=True))}</tr>"

    title = f"<caption>{escape(block.title)}</caption>" if block.title else ""
    head = f"<tr>{''.join(f'<th>{escape(h)}</th>' for h in block.headings)}</tr>" if block.headings else ""
    return f"<table>{title}{head}{''.join(row(cells, i) for i, cells in enumerate(block.rows))}</table>"
