"""What a verb found, in a terminal."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lunette.faces.tables import (
    cell,
    concept_table,
    evaluation_table,
    facts_table,
    plain_table,
    recipe_table,
    study_table,
)
from lunette.names import quoted
from lunette.numbers import figures
from lunette.results.evaluation import EVALUATION, Evaluation
from lunette.results.strip import Strip
from lunette.runs import REPORT, Concept, FittedPrior, Run
from lunette.uses.anomalies.found import Anomalies
from lunette.uses.catalogue import Page
from lunette.uses.change.denoise import Mended
from lunette.uses.change.inpaint import Inpainted
from lunette.uses.compare import Comparison
from lunette.uses.data.data import Look
from lunette.uses.tune.study import Study

FIGURES = 10  # columns of the terminal that a number of four significant figures takes
QUANTITY = 34  # and those that its name and unit take, where there is room


@functools.singledispatch
def say(result: object, name: str, given: Mapping[str, Any]) -> None:
    """Print what the verb called `name` found, which was `given` these arguments; a picture alone says nothing."""


@say.register
def _(result: Path, name: str, given: Mapping[str, Any]) -> None:
    print(result)


@say.register
def _(run: Run, name: str, given: Mapping[str, Any]) -> None:
    print(run.path if name == "unpack" else f"report    {run.path / REPORT}\npictures  {run.path / 'pictures'}")


@say.register
def _(study: Study, name: str, given: Mapping[str, Any]) -> None:
    study_table(study)
    print(f"picture   {study.save(study.path / 'study.png')}")
    resuming = f"lunette resume {quoted(study.best.path)}"
    print(f"the best  {resuming}  (measures it on test pictures, draws, and writes its report)")
    print(f"or anew   {study.command}")


@say.register
def _(prior: FittedPrior, name: str, given: Mapping[str, Any]) -> None:
    numbers = ", ".join(f"{what.replace('_', ' ')} {value:.3f}" for what, value in prior.held_out.items())
    print(f"{prior.kind} prior of {prior.pictures:,} pictures' codes in {prior.seconds:.0f} s; held out: {numbers}")
    print(f"draw from it with lunette sample {quoted(given['run'])} --prior {prior.kind}")


@say.register
def _(found: Evaluation, name: str, given: Mapping[str, Any]) -> None:
    evaluation_table(found, given["groups"] or ())
    for file in (EVALUATION, REPORT):
        if found.kept and (given["run"] / file).is_file():
            print(f"written to {given['run'] / file}")


@say.register
def _(found: Anomalies, name: str, given: Mapping[str, Any]) -> None:
    print(found.verdict())
    for score, (value, error) in found.auroc.items():
        print(f"AUROC of {score:14} {value:.4f}" + ("" if math.isnan(error) else f" ± {error:.4f}"))


@say.register(Mended)
@say.register(Inpainted)
def _(result: Mended | Inpainted, name: str, given: Mapping[str, Any]) -> None:
    print(result)


@say.register
def _(concept: Concept, name: str, given: Mapping[str, Any]) -> None:
    concept_table([concept])
    print(f"edit along it with lunette edit {quoted(given['run'])} --concept {concept.name}")


@say.register
def _(found: list, name: str, given: Mapping[str, Any]) -> None:  # type: ignore[type-arg]
    concept_table(found)
    if not found:
        run = given["run"]
        print(f"{run} has no concepts yet: lunette concept add {quoted(run)} NAME --with FOLDER --without FOLDER")


@say.register
def _(facts: dict, name: str, given: Mapping[str, Any]) -> None:  # type: ignore[type-arg]
    if name == "recipes":
        recipe_table(facts)
    else:
        facts_table({str(given["out"]): facts} if name == "data pack" else facts)


@say.register
def _(look: Look, name: str, given: Mapping[str, Any]) -> None:
    facts_table({given["source"]: look.facts})


@say.register
def _(page: Page, name: str, given: Mapping[str, Any]) -> None:
    table = plain_table()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("[bold]its model, as it is by default[/bold]", "")
    for field in fields(page.can):
        table.add_row(f"  {field.name}", escape(str(getattr(page.can, field.name))))
    table.add_row("", "")
    table.add_row("[bold]arguments[/bold]", "")
    for argument in page.arguments:
        table.add_row(f"  --{argument.name.replace('_', '-')} {argument.default}", escape(argument.help))
    console = Console(highlight=False)
    console.print(f"[bold]{page.name}[/bold]  {escape(page.text)}\n")
    console.print(table)
    console.print(f"\nlunette train {page.name} --help says what training takes beside these.", soft_wrap=True)


@say.register
def _(strip: Strip, name: str, given: Mapping[str, Any]) -> None:
    console = Console(highlight=False)
    for row, along in enumerate(strip.along, 1):
        console.print(escape(f"row {row}  {along}" if len(strip.along) > 1 else along), soft_wrap=True)
    if strip.changes:
        table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left", title_style="")
        table.title = f"mean over {strip.measured} pictures"
        table.add_column("strength")
        for strength in strip.strengths:
            table.add_column(f"{strength:g}", justify="right")
        for what, values in strip.changes.items():
            table.add_row(escape(what), *(f"{value:.2f}" for value in values))
        console.print(table)


@say.register
def _(comparison: Comparison, name: str, given: Mapping[str, Any]) -> None:
    console = Console(highlight=False)
    for section in comparison.sections:
        console.print(f"[bold]{escape(section.source)}[/bold]")
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("")
        names = [side.name for side in section.sides]
        room = (console.width - QUANTITY - FIGURES) // len(names) - 2
        for each in names:
            width = max(FIGURES, min(room, max(map(len, names))))
            table.add_column(Text(each, overflow="fold"), justify="right", width=width)
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
