"""What was measured of a run: numbers in groups, kept in its folder as readable text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lunette.files import write
from lunette.names import quoted
from lunette.numbers import figures, finite
from lunette.results.blocks import Block, Heading, Note, Table
from lunette.results.result import Pictured, Result
from lunette.stored import from_json, reading, to_json, typed

EVALUATION, REPORT = "evaluation.json", "report.html"  # files of a run
Better = Literal["lower", "higher", ""]


@dataclass(frozen=True)
class Number:
    """A measured value."""

    value: float
    unit: str = ""  # nats, dB …; a share or a score has none
    error: float | None = None  # its standard error
    floor: float | None = None  # the same of training pictures in place of the model's: a perfect model's value
    better: Better = ""

    @classmethod
    def mean(cls, values: NDArray[np.floating[Any]], unit: str = "", better: Better = "") -> Number:
        """Return the mean of values (N,), one a picture, with its standard error, which that of one does not have."""
        error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
        return cls(float(values.mean()), unit, error, better=better)

    def is_near(self, other: Number) -> bool:
        """Return whether it is apart from another by the standard error of their difference at most."""
        return abs(self.value - other.value) <= math.hypot(self.error or 0, other.error or 0)


@dataclass(frozen=True)
class Group:
    """Numbers that belong together."""

    numbers: Mapping[str, Number] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # sentences: warnings, and what could not be measured and why
    lists: Mapping[str, Sequence[float]] = field(default_factory=dict)  # a value a dimension, or the like
    basis: str = ""  # what must be the same, besides data and settings, where numbers of two runs are compared
    settings: Mapping[str, Any] = field(default_factory=dict)  # what they were measured with
    drawn: Mapping[str, str] = field(default_factory=dict)  # files in the run's pictures/, by title
    pictures: Mapping[str, Pictured] = field(
        default_factory=dict, repr=False, compare=False
    )  # by title; not in the text

    def blocks(self, name: str) -> Iterator[Block]:
        """Yield the group called `name`: its numbers and its notes."""
        yield Heading(f"{name}, of {self.settings['pictures']:,} test pictures")
        rows = [
            (title, *map(figures, (n.value, n.error, n.floor)), n.unit, n.better) for title, n in self.numbers.items()
        ]
        if rows:
            yield Table(tuple(rows), ("", "value", "± error", "floor", "unit", "better"), numbers=(1, 2, 3))
        if any(n.floor is not None for n in self.numbers.values()):
            yield Note("floor: what a perfect model would get")
        yield from map(Note, self.notes)


@dataclass(frozen=True)
class Evaluation(Result):
    """What was measured of one checkpoint of a run, in groups: the content of evaluation.json."""

    checkpoint: str
    checkpoint_sha256: str
    data_sha256: str
    groups: Mapping[str, Group]
    kept: bool = field(default=True, repr=False, compare=False)  # in the run's folder, which may not be writable
    run: Path = field(default=Path(), repr=False, compare=False)  # that folder
    asked: tuple[str, ...] = field(default=(), repr=False, compare=False)  # groups that were asked for; none: all

    def sentence(self) -> str:
        """Return what was measured."""
        return f"checkpoint {self.checkpoint}: {', '.join(self.groups)}"

    def blocks(self) -> Iterator[Block]:
        """Yield each group that was asked for, and where the numbers are kept."""
        for name in self.asked or self.groups:
            yield from self.groups[name].blocks(name)
        for file in (EVALUATION, REPORT):
            if self.kept and (self.run / file).is_file():
                yield f"written to {self.run / file}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as evaluation.json has it."""
        return super().to_dict() | {"evaluation": self.content()}

    def content(self) -> dict[str, Any]:
        """Return what evaluation.json holds, where numbers that are not finite are null."""
        content = asdict(self)
        for name in ("kept", "run", "asked"):
            del content[name]
        for group in content["groups"].values():
            del group["pictures"]
        found: dict[str, Any] = finite(content)
        return found

    def save(self, run: Path) -> None:
        """Write evaluation.json."""
        write(run / EVALUATION, to_json(self.content()))

    @classmethod
    def load(cls, run: Path) -> Evaluation | None:
        """Return what evaluation.json holds, or None where there is none; raises LunetteError for a damaged one."""
        path = run / EVALUATION
        if not path.exists():
            return None
        with reading(path, "an evaluation", f"remove it, and measure anew with lunette evaluate {quoted(run)}"):
            content = from_json(path.read_bytes())
            for group in content["groups"].values():
                for number in group["numbers"].values():
                    number["value"] = math.nan if number["value"] is None else number["value"]
                group["lists"] = {
                    name: [math.nan if v is None else v for v in values] for name, values in group["lists"].items()
                }
            evaluation: Evaluation = typed(cls, content)
            return evaluation
