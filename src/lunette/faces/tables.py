"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lunette.numbers import figures
from lunette.results.evaluation import Evaluation, Number
from lunette.runs import Concept
from lunette.uses.compare import Line
from lunette.uses.tune.study import Study


def recipe_table(recipes: Mapping[str, str]) -> None:
    """Print all recipes: name, what it is and its paper."""
    table = plain_table()
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, text in recipes.items():
        table.add_row(name, text)
    console = Console(highlight=False)
    console.print(table)
    console.print("\nlunette recipes NAME says what one takes, and what its model can be asked for.", soft_wrap=True)


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
