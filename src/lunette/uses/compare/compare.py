"""Several runs side by side: one table and one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from lunette.compute import to_float
from lunette.errors import LunetteError, Unsupported
from lunette.files import write_anew
from lunette.images import Images
from lunette.names import quoted, written
from lunette.numbers import figures
from lunette.results.blocks import Block, Heading, Note, Table
from lunette.results.evaluation import Evaluation
from lunette.results.page import render
from lunette.results.result import Result
from lunette.results.sheet import Sheet
from lunette.runs import AnyRun, Trained, open_run
from lunette.signatures import Flag
from lunette.uses.compare.lines import Line, Side, apart, lines
from lunette.uses.compare.plots import curves, pareto, rate_distortion
from lunette.uses.draw.sample import sample_trained
from lunette.uses.verb import Checkpoint, Seed, verb

SHOWN = 12  # test pictures, each beside what every run makes of it
SAMPLES = 36  # of each run


@dataclass(frozen=True)
class Section:
    """Runs on the same data."""

    source: str
    sides: tuple[Side, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    reconstructions: Mapping[str, Sheet] = field(repr=False)  # by the run's name, "original" first
    samples: Mapping[str, Sheet] = field(repr=False)
    plots: Mapping[str, bytes] = field(repr=False)  # PNGs by title

    def table(self) -> Table:
        """Return the numbers, a column a run: the best of a line are bold."""
        rows, bold = list[tuple[str, ...]](), set[tuple[int, int]]()
        for before, line in zip((None, *self.lines), self.lines, strict=False):
            if before is None or before.group != line.group:
                rows.append((line.group,))
            bold |= {(len(rows), 1 + i) for i in line.best}
            unit = f", {line.unit}" if line.unit else ""
            basis = f" [{self.bases.index(line.basis) + 1}]" if line.basis else ""
            rows.append((f"{line.name}{unit}{basis}", *map(line.cell, line.numbers), figures(line.floor)))
        headings = ("", *(side.name for side in self.sides), "floor")
        return Table(tuple(rows), headings, numbers=tuple(range(1, len(headings))), bold=frozenset(bold))

    @property
    def bases(self) -> tuple[str, ...]:
        """What the numbers of lines have in common, each once."""
        return tuple(dict.fromkeys(line.basis for line in self.lines if line.basis))


@dataclass(frozen=True)
class Comparison(Result):
    """Several runs side by side, in a section for each data set."""

    sections: tuple[Section, ...]

    def sentence(self) -> str:
        """Return what is compared."""
        return "; ".join(f"{', '.join(side.name for side in s.sides)} on {s.source}" for s in self.sections)

    def blocks(self) -> Iterator[Block]:
        """Yield a table a section, and its notes."""
        for section in self.sections:
            yield Heading(section.source)
            yield section.table()
            yield from (Note(f"[{i}] {basis}") for i, basis in enumerate(section.bases, 1))
            yield from map(Note, section.notes)

    def page(self) -> str:
        """Return it as one HTML page that needs nothing beside itself."""
        return render("uses/compare/page.html.j2", sections=self.sections, png=lambda sheet: sheet._repr_png_())

    def save(self, path: str | Path) -> Path:
        """Write the page, whole or not at all."""
        path = Path(path)
        check_page(path)
        write_anew(path, self.page())
        return path


def check_page(path: Path) -> None:
    """Raise LunetteError for a name that is no page's."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise LunetteError(f"a comparison is a page: end the name {path.name!r} in .html")


@verb("compare", "measure", out="page")
def compare(
    runs: Annotated[Sequence[AnyRun], Flag("two run folders or more", tuple[Path, ...], "RUN")],
    *,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
) -> Comparison:
    """Put runs side by side: numbers, curves, reconstructions and samples.

    Numbers are those of the end of training and of `evaluate`. They share a line only where they mean the same: runs on
    other data stand in a section of their own, and numbers under another likelihood, of other features or of another
    number of pictures in a line of their own, with a note.

    Raises:
        LunetteError: for fewer than 2 runs.

    Example:
        lunette compare runs/vae-mnist-001 runs/iwae-mnist-001 -o comparison.html
    """
    if isinstance(runs, str | Path) or len(runs) < 2:
        raise LunetteError("a comparison takes at least 2 runs: lunette compare RUN RUN …")
    opened = [open_run(run) for run in runs]
    names = [written(run.path.name) for run in opened]
    if len(set(names)) < len(names):
        names = [written(str(run.path)) for run in opened]
    if len(set(names)) < len(names):
        raise LunetteError(f"the same run is named twice: {max(names, key=names.count)}")
    sides = [Side(run, name, Evaluation.load(run.path)) for run, name in zip(opened, names, strict=True)]
    kinds = dict.fromkeys(side.data for side in sides)
    return Comparison(tuple(section([s for s in sides if s.data == kind], seed, checkpoint) for kind in kinds))


def section(sides: Sequence[Side], seed: int, checkpoint: str) -> Section:
    """Compare runs on the same data."""
    found, notes = lines(sides), []
    samples, reconstructions = {}, {}
    with_data = next((side.run for side in sides if not side.run.missing_data), None)
    if with_data:
        test = with_data.dataset.test.take(slice(SHOWN))
        reconstructions["original"] = Sheet(to_float(test.pixels[:]).numpy(), SHOWN)
    else:
        notes.append(f"no reconstructions: {sides[0].run.missing_data}")
    for side in sides:
        trained = side.run.trained(checkpoint)
        if with_data:
            reconstructions[side.name] = reconstructed(trained, test)
        try:
            samples[side.name] = sample_trained(trained, SAMPLES, seed=seed)
        except Unsupported as error:
            notes.append(f"no samples of {side.name}: {error}")
        notes += measured(side, trained)
    plots = {
        "Learning curves": curves(sides),
        "Rate and distortion": rate_distortion(sides),
        "Quality and time": pareto(sides, found),
    }
    return Section(
        source=Path(sides[0].run.settings.source).name,
        sides=tuple(sides),
        lines=tuple(found),
        notes=(*apart(sides, found), *notes),
        reconstructions=reconstructions,
        samples=samples,
        plots={title: plot for title, plot in plots.items() if plot},
    )


def measured(side: Side, trained: Trained) -> list[str]:
    """Return what to know of a run's evaluation, in sentences."""
    if side.evaluation is None:
        return [f"{side.name} is not measured yet: lunette evaluate {quoted(side.run.path)}"]
    evaluation, prior = side.evaluation, side.drawn_from
    notes = [f"the measured samples of {side.name} are of its fitted {prior} prior"] if prior else []
    if evaluation.checkpoint_sha256 != trained.sha256:
        notes.append(
            f"{side.name} was measured at checkpoint {evaluation.checkpoint}, which is another than its pictures here "
            f"are of: lunette evaluate {quoted(side.run.path)} --checkpoint {trained.name}"
        )
    return notes


def reconstructed(trained: Trained, images: Images) -> Sheet:
    """Return what comes back of images, in one row."""
    return Sheet(trained.decode(trained.encode(images), trained.y(images)), SHOWN)
