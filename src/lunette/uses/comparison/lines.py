"""Which numbers of several runs mean the same, and may stand in one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lunette.recipes import size
from lunette.runs import Run
from lunette.uses.curves import terms, unit
from lunette.uses.evaluation import Better, Evaluation, Number

PIXELS = ("likelihood", "binarize")  # the arguments that say what a distortion is measured by
SAMPLED = "Fréchet distance"


@dataclass(frozen=True)
class Side:
    """One of the runs that are compared."""

    run: Run
    name: str
    evaluation: Evaluation | None

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl."""
        return self.run.metrics()

    @cached_property
    def test(self) -> dict[str, Any]:
        """What was measured of the final weights on the test pictures, when training ended."""
        return next((row for row in self.rows if row["split"] == "test"), {})

    @property
    def data(self) -> str:
        """What tells its data from others."""
        return str(self.run.settings.facts["sha256"])

    @property
    def pixels(self) -> str:
        """Its likelihood, in words: distortions under two likelihoods cannot be compared."""
        arguments = self.run.settings.arguments
        return ", ".join(
            f"{'binarized ' if name == 'binarize' else ''}{arguments[name]}"
            for name in PIXELS
            if arguments.get(name, "none") != "none"
        )

    @property
    def loss(self) -> str:
        """What its loss is made of, in words."""
        weights = self.test.get("weights", {})
        terms = (name if value == 1 else f"{value:g} {name}" for name, value in weights.items() if value)
        return f"{' + '.join(terms).replace('_', ' ')}; {self.pixels}"

    @property
    def seconds(self) -> float:
        """Of training, all stages, on the machine where it ran."""
        return float(sum(row["seconds"] for row in self.rows if row["split"] == "train"))

    def number(self, group: str, name: str) -> Number | None:
        """Return a number of its evaluation."""
        found = self.evaluation and self.evaluation.groups.get(group)
        return found.numbers.get(name) if found else None


@dataclass(frozen=True)
class Line:
    """One quantity, of the runs that it can be compared of; None of the others."""

    group: str
    name: str
    unit: str
    basis: str  # why those runs alone: their common likelihood, features …
    better: str
    numbers: tuple[Number | None, ...]

    @property
    def best(self) -> tuple[int, ...]:
        """Which runs have the best number, where it is known what is better and not all have the same."""
        known = [n.value for n in self.numbers if n and not math.isnan(n.value)]
        if len(set(known)) < 2 or not self.better:
            return ()
        best = (min if self.better == "lower" else max)(known)
        return tuple(i for i, n in enumerate(self.numbers) if n and n.value == best)

    @property
    def floor(self) -> float | None:
        """What a perfect model would get, where that is known."""
        return next((n.floor for n in self.numbers if n and n.floor is not None), None)


def lines(sides: Sequence[Side]) -> list[Line]:
    """Return all numbers of runs on the same data, each in as many lines as there are ways to understand it."""
    found: dict[tuple[str, ...], dict[int, Number]] = {}
    for i, side in enumerate(sides):
        for group, basis, name, number in numbers(side):
            found.setdefault((group, name, number.unit, number.better, basis), {})[i] = number
    groups, names = (list(dict.fromkeys(key[:n] for key in found)) for n in (1, 2))
    ordered = sorted(found, key=lambda key: (groups.index(key[:1]), names.index(key[:2])))  # those of one name together
    return [
        Line(group, name, unit, basis, better, tuple(found[key].get(i) for i in range(len(sides))))
        for key in ordered
        for group, name, unit, better, basis in [key]
    ]


def numbers(side: Side) -> list[tuple[str, str, str, Number]]:
    """Return the group, the basis, the name and the value of each number of a run."""
    rows = [row for row in side.rows if "stage" not in row]
    found = [
        ("training", "", "seconds of training", Number(side.seconds, "s", better="lower")),
        ("training", "", "epochs", Number(side.test.get("epoch", math.nan))),
        ("training", "", "parameters", Number(size(side.run.recipe().model))),
    ]
    for name in terms(rows) if side.test else ():
        basis = side.loss if name == "loss" else side.pixels if name == "distortion" else ""
        better: Better = "lower" if name == "loss" else ""
        found.append(
            (
                "training",
                basis,
                f"test {name}".replace("_", " "),
                Number(side.test[name], unit(rows, name), better=better),
            )
        )
    for name, group in side.evaluation.groups.items() if side.evaluation else ():
        pictures = group.settings.get("pictures")
        basis = "; ".join(filter(None, (group.basis, f"{pictures:,} pictures" if pictures else "")))
        found += [(name, basis, title, number) for title, number in group.numbers.items()]
    return found


def apart(sides: Sequence[Side], found: Sequence[Line]) -> list[str]:
    """Return why numbers of one name stand in several lines, a sentence for those with the same reason."""
    apart: dict[str, list[str]] = {}
    for group, name in dict.fromkeys((line.group, line.name) for line in found):
        same = [line for line in found if (line.group, line.name) == (group, name)]
        if len(same) > 1:
            whose = (", ".join(s.name for s, n in zip(sides, line.numbers, strict=True) if n) for line in same)
            told = len({line.basis for line in same}) == len(same)  # else it is the unit that is not the same
            bases = (line.basis if told else ", ".join(filter(None, (line.basis, line.unit))) for line in same)
            ways = (f"{basis or 'no basis'} ({who})" for basis, who in zip(bases, whose, strict=True))
            apart.setdefault(" and ".join(ways), []).append(name)
    return [f"{', '.join(names)} cannot be compared between {ways}" for ways, names in apart.items()]
