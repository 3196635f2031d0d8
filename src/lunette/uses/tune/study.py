"""What a search found: its trials, the best of them, and a picture."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lunette.images import DataSettings
from lunette.names import quoted
from lunette.numbers import figures
from lunette.recipes import arguments
from lunette.results.blocks import Block, Table
from lunette.results.figures import picture as as_picture
from lunette.results.result import Pictured
from lunette.runs import Run
from lunette.signatures import described
from lunette.training import TrainingSettings

PICTURE = "study.png"
Outcome = Literal["complete", "pruned", "failed"]
WIDE = 10  # values that differ by such a factor are searched and drawn on a logarithmic scale


@dataclass(frozen=True)
class Trial:
    """One training of a search: what was varied, and the validation loss that it reached."""

    number: int
    path: Path  # of its run, which stopped before it was measured on test pictures
    settings: Mapping[str, Any]
    outcome: Outcome
    loss: float | None  # of a pruned trial the last; None where it failed
    why: str = ""  # it failed

    def row(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return its number, what was varied, its loss, and its outcome where it is not complete."""
        chosen = [self.settings.get(name, "") for name in names]
        values = [figures(value) if isinstance(value, float) else str(value) for value in chosen]
        return str(self.number), *values, figures(self.loss), "" if self.outcome == "complete" else self.outcome

    @property
    def run(self) -> Run:
        """Its run folder; `lunette resume` finishes it: test numbers, pictures and report."""
        return Run(self.path)


@dataclass(frozen=True, repr=False)
class Study(Pictured):
    """The trials of a search in order, whose losses are all of one `measure`."""

    path: Path
    measure: str
    trials: tuple[Trial, ...]

    def __repr__(self) -> str:
        return f"Study({str(self.path)!r}, {len(self.trials)} trials, best {self.best.loss:.3f})"

    def sentence(self) -> str:
        """Return how many trials there were, and the best."""
        return f"{len(self.trials)} trials, the best of them with {self.measure} {self.best.loss:.3f}"

    def blocks(self) -> Iterator[Block]:
        """Yield the trials, the best first, why some failed, and how to go on with the best."""
        names = tuple(self.best.settings)
        others = [trial for trial in self.trials if trial.outcome != "complete"]
        rows = tuple(trial.row(names) for trial in (*self.complete, *others))
        headings = ("trial", *(name.replace("_", " ") for name in names), "loss", "")
        yield Table(rows, headings, numbers=tuple(range(len(headings) - 1)))
        yield f"loss      {self.measure}"
        yield from (f"trial {trial.number} failed: {trial.why}" for trial in others if trial.why)
        yield f"picture   {self.path / PICTURE}"
        resuming = f"lunette resume {quoted(self.best.path)}"
        yield f"the best  {resuming}  (measures it on test pictures, draws, and writes its report)"
        yield f"or anew   {self.command}"

    @property
    def complete(self) -> list[Trial]:
        """The trials that were trained in full, best first."""
        whole = [(trial.loss, trial) for trial in self.trials if trial.outcome == "complete" and trial.loss is not None]
        return [trial for _, trial in sorted(whole, key=lambda pair: pair[0])]

    @property
    def best(self) -> Trial:
        """The one of the lowest loss."""
        return self.complete[0]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the losses (N,), NaN where a trial failed, its outcomes (N,), and what was varied, (N,) each."""
        varied = {name: column([trial.settings.get(name) for trial in self.trials]) for name in self.best.settings}
        losses = np.array([np.nan if trial.loss is None else trial.loss for trial in self.trials])
        return {"losses": losses, "outcomes": np.array([trial.outcome for trial in self.trials]), **varied}

    def picture(self) -> Image.Image:
        """Return how the losses went from trial to trial, and beside it the loss by each thing that was varied."""
        from matplotlib.figure import Figure  # here, so that training need not wait for it
        from matplotlib.ticker import LogLocator, MaxNLocator, StrMethodFormatter

        whole = sorted(self.complete, key=lambda trial: trial.number)
        losses = [trial.loss for trial in whole]
        names = list(self.best.settings)
        figure = Figure(figsize=(3.6 * (1 + len(names)), 3.2), layout="constrained")
        first, *others = figure.subplots(1, 1 + len(names), sharey=True, squeeze=False)[0]
        numbers, so_far = [trial.number for trial in whole], np.minimum.accumulate(np.array(losses))
        first.step(numbers, so_far, where="post", color="C1", label="best so far")
        first.scatter(numbers, losses, s=20)
        first.set(xlabel="trial", ylabel=self.measure)
        first.xaxis.set_major_locator(MaxNLocator(integer=True))
        first.legend(frameon=False)
        for axes, name in zip(others, names, strict=True):
            values = [trial.settings[name] for trial in whole]
            are_numbers = all(map(is_number, values))
            axes.scatter(values if are_numbers else list(map(str, values)), losses, s=20)
            axes.margins(x=0.1 if are_numbers else 0.4)
            axes.set_xlabel(name.replace("_", " "))
            if are_numbers and min(values) > 0 and max(values) / min(values) >= WIDE:
                axes.set_xscale("log")
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
                axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
                axes.tick_params(axis="x", which="minor", labelbottom=False)
            axes.grid(alpha=0.25)
        return as_picture(figure)

    @property
    def command(self) -> str:
        """The command that trains the best anew."""
        chosen = self.best.run.settings
        known = (*arguments(chosen.recipe), *described(TrainingSettings), *described(DataSettings))
        defaults = {argument.name: argument.default for argument in known}
        values = {**chosen.arguments, **dataclasses.asdict(chosen.training), **dataclasses.asdict(chosen.data)}
        words = ["lunette", "train", chosen.recipe, "--data", chosen.source]
        for name, value in values.items():
            if value != defaults[name] and name != "pictures":
                words += flag(name.replace("_", "-"), value)
        return shlex.join(words)


def is_number(value: object) -> bool:
    """Return whether a value can be drawn on an axis of numbers."""
    return type(value) in (int, float)


def column(values: Sequence[Any]) -> NDArray[Any]:
    """Return values (N,) as an array of numbers if they are all numbers, else of their names."""
    return np.array(values if all(map(is_number, values)) else list(map(str, values)))


def flag(name: str, value: object) -> list[str]:
    """Return the words of the command line that set `name`."""
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", *map(str, value if isinstance(value, tuple) else [value])]
