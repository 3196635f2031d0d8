"""Tables for the terminal."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lunette.numbers import figures
from lunette.recipes import RECIPES, arguments, build, describe, find, summary
from lunette.runs import Concept
from lunette.uses.comparison import Comparison, Line
from lunette.uses.evaluation import Evaluation, Number
from lunette.uses.strip import Strip
from lunette.uses.study import Study

SHAPE, LABELS = (1, 28, 28), 10  # what pictures a recipe is asked about: those of MNIST
FIGURES = 10  # columns of the terminal that a number of four significant figures takes
QUANTITY = 34  # and those that its name and unit take, where there is room


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
        table.add_row(f"[bold]{escape(group)}[/bold]", "")
        for name, value in facts.items():
            table.add_row(f"  {name}", escape(str(value)))
    Console(highlight=False).print(table)


def evaluation_table(evaluation: Evaluation, names: Sequence[str] = ()) -> None:
    """Print what was measured in the groups of these names, or in all: a table a group, and its notes below."""
    console = Console(highlight=False)
    for name in names or evaluation.groups:
        group = evaluation.groups[name]
        console.print(f"[bold]{name}[/bold], of {group.settings['pictures']:,} test pictures")
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
        floor = any(n.floor is not None for n in group.numbers.values())
        for note in (*(["floor: what a perfect model would get"] if floor else []), *group.notes):
            console.print(Padding(Text(note), (0, 0, 0, 2), expand=False))
        console.print()


def study_table(study: Study) -> None:
    """Print the trials of a search, the best first, and why some failed."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("trial", justify="right")
    for name in study.best.settings:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_column("loss", justify="right")
    table.add_column("")
    others = [trial for trial in study.trials if trial.outcome != "complete"]
    for trial in (*study.complete, *others):
        chosen = [trial.settings.get(name, "") for name in study.best.settings]
        values = [figures(value) if isinstance(value, float) else escape(str(value)) for value in chosen]
        outcome = "" if trial.outcome == "complete" else trial.outcome
        table.add_row(str(trial.number), *values, figures(trial.loss), outcome)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"loss      {study.measure}")
    for trial in others:
        if trial.why:
            console.print(f"trial {trial.number} failed: {escape(trial.why)}", soft_wrap=True)


def strip_table(strip: Strip) -> None:
    """Print what the rows of an edit's strip moved along, and what changed at each strength."""
    console = Console(highlight=False)
    for row, name in enumerate(strip.along, 1):
        console.print(escape(f"row {row}  {name}" if len(strip.along) > 1 else name), soft_wrap=True)
    if strip.changes:
        table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left", title_style="")
        table.title = f"mean over {strip.measured} pictures"
        table.add_column("strength")
        for strength in strip.strengths:
            table.add_column(f"{strength:g}", justify="right")
        for name, values in strip.changes.items():
            table.add_row(escape(name), *(f"{value:.2f}" for value in values))
        console.print(table)


def concept_table(concepts: Sequence[Concept]) -> None:
    """Print concepts: how each was made, of how many pictures and which codes."""
    groups = {}
    for concept in concepts:
        with_, without = concept.pictures
        groups[concept.name] = {
            "made": " ".join(f"--{flag} {value}" for flag, value in concept.how.items()),
            "pictures": f"{with_:,} with it, {without:,} without",
            "within labels": ", ".join(concept.labels) or "no",
            "codes": f"of checkpoint {concept.checkpoint}",
        }
    facts_table(groups)


def cell(line: Line, number: Number | None) -> str:
    """Return a number of a comparison, with its own floor where those of the runs differ."""
    if number is None:
        return ""
    own = line.floor is None and number.floor is not None
    return figures(number.value) + (f" (floor {figures(number.floor)})" if own else "")


def comparison_table(comparison: Comparison) -> None:
    """Print the numbers of runs side by side, a table a data set; the best of each line is bold."""
    console = Console(highlight=False)
    for section in comparison.sections:
        console.print(f"[bold]{escape(section.source)}[/bold]")
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("")
        names = [side.name for side in section.sides]
        room = (console.width - QUANTITY - FIGURES) // len(names) - 2
        for name in names:
            width = max(FIGURES, min(room, max(map(len, names))))
            table.add_column(Text(name, overflow="fold"), justify="right", width=width)
        table.add_column("floor", justify="right", width=FIGURES)
        for before, line in zip((None, *section.lines), section.lines, strict=False):
            if before is None or before.group != line.group:
                table.add_row(f"[bold]{line.group}[/bold]")
            cells = [cell(line, n) for n in line.numbers]
            for i in line.best:
                cells[i] = f"[bold]{cells[i]}[/bold]"
            unit = f", {line.unit}" if line.unit else ""
            basis = f" [{section.bases.index(line.basis) + 1}]" if line.basis else ""
            quantity = Padding(Text(f"{line.name}{unit}{basis}"), (0, 0, 0, 2))
            table.add_row(quantity, *cells, figures(line.floor))
        console.print(table)
        for note in (*(f"[{i}] {basis}" for i, basis in enumerate(section.bases, 1)), *section.notes):
            console.print(Padding(Text(note), (0, 0, 0, 2), expand=False))
        console.print()
