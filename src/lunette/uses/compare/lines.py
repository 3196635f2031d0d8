"""Which numbers of several runs mean the same, and may stand in one line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any

from lunette.numbers import figures
from lunette.objectives import distortion, name_of, rate
from lunette.recipes import Recipe, size
from lunette.results.evaluation import Evaluation, Number
from lunette.runs import Run
from lunette.uses.evaluate.likelihood import basis_of
from lunette.uses.report.curves import terms, unit

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

    @cached_property
    def made(self) -> Recipe:
        """The recipe, with untrained weights."""
        return self.run.recipe()

    @property
    def pixels(self) -> str:
        """Its likelihood, in words: distortions under two likelihoods cannot be compared."""
        return basis_of(self.made)

    @property
    def loss(self) -> str:
        """What its loss is made of, in words."""
        weights, terms = merged(self.test.get("weights", {})), []
        for name, value in weights.items():
            if value:
                words, how = name.replace("_", " "), self.how(name)
                terms.append(("" if value == 1 else f"{value:g} ") + words + (f" ({how})" if how else ""))
        return f"{' + '.join(terms)}; {self.pixels}"

    def how(self, name: str) -> str:
        """Return what a term of its objective was made with, and of how many draws it is, where that matters."""
        objective = self.made.objective
        term: object = next((term for term in objective.terms if name_of(term) == name), None)
        found = [f"{f.name} {getattr(term, f.name)}" for f in fields(term)] if is_dataclass(term) else []
        if objective.samples > 1 and term not in (distortion, rate):
            found.append(f"K = {objective.samples}")
        return ", ".join(found)

    def basis(self, name: str) -> str:
        """Return what must be the same where its loss, or a term of it, is compared with another run's."""
        if name == "loss":
            return self.loss
        return "" if name.startswith("rate") else "; ".join(filter(None, (self.how(name), self.pixels)))

    @property
    def drawn_from(self) -> str:
        """The kind of fitted prior that its samples were asked for from, if any."""
        found = self.evaluation and self.evaluation.groups.get("samples")
        return (found.settings.get("prior") or "") if found else ""


def merged(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weights of terms; those of all rungs of a ladder are one of the rate, where they are the same."""
    rungs = {name: weight for name, weight in weights.items() if name.startswith("rate_of_rung_")}
    if not rungs or len(set(rungs.values())) > 1 or not all(rungs.values()):
        return dict(weights)
    return {name: weight for name, weight in weights.items() if name not in rungs} | {"rate": max(rungs.values())}


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
        """Which runs have the best number, or one that its standard error does not tell from that.

        None has where it is not known what is better, and where that would be all.
        """
        known = {i: n for i, n in enumerate(self.numbers) if n and not math.isnan(n.value)}
        if len(known) < 2 or not self.better:
            return ()
        first = (min if self.better == "lower" else max)(known.values(), key=lambda n: n.value)
        best = tuple(i for i, n in known.items() if n.is_near(first))
        return best if len(best) < len(known) else ()

    def cell(self, number: Number | None) -> str:
        """Return one of its numbers in figures, with its own floor where those of the runs differ."""
        if number is None:
            return ""
        own = self.floor is None and number.floor is not None
        return figures(number.value) + (f" (floor {figures(number.floor)})" if own else "")

    @property
    def floor(self) -> float | None:
        """What a perfect model would get, where that is known and the same for all."""
        floors = {n.floor for n in self.numbers if n and n.floor is not None}
        return floors.pop() if len(floors) == 1 else None


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
        ("training", "", "seconds of training", Number(side.run.training_seconds(), "s", better="lower")),
        ("training", "", "epochs", Number(side.test.get("epoch", math.nan))),
        ("training", "", "parameters", Number(size(side.made.model))),
    ]
    for name in terms(rows) if side.test else ():
        number = Number(side.test[name], unit(rows, name), better="lower" if name == "loss" else "")
        found.append(("training", side.basis(name), f"test {name}".replace("_", " "), number))
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
