"""A way for codes to move, said in one of five ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar

import torch

from lunette.errors import LunetteError, unknown
from lunette.images import Label
from lunette.runs import Codes, Trained, split_or_drawn
from lunette.signatures import Flag
from lunette.uses.change.concepts import concept_of, label_in
from lunette.uses.change.traversal import steps_along
from lunette.uses.verb import Measured, With, Without

ALONG_CONCEPT, ALONG_DIMENSION = 1.5, 3.0  # how far one goes, in whole vectors and in standard deviations


@dataclass(frozen=True)
class Direction:
    """What codes move along: one of five, whose steps v are added to them.

    - The sum of the run's own concepts that are named, each as NAME or NAME:WEIGHT.
    - Mean code `with_` − mean code `without`: of labels ("label:NAME") or of any sources of pictures.
    - The same of what has most and least of a `measure` (see `concept_of`).
    - One standard deviation along a `dimension` of the code, by its place in the order of rates (see `steps_along`).

    Raises LunetteError unless it is said in just one way.
    """

    group: ClassVar[str] = "direction"  # of its flags, in the help

    concept: Annotated[
        str | Sequence[str] | None,
        Flag("of the run's own; NAME:WEIGHT for less, and several for their sum", tuple[str, ...], repeats=True),
    ] = None
    with_: With = None
    without: Without = None
    measure: Measured = None
    dimension: Annotated[
        int | Sequence[int] | None,
        Flag(
            "of the code, 0 with the largest rate; several are a row each, and no number the first 10",
            tuple[int, ...] | None,
        ),
    ] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "concept", [self.concept] if isinstance(self.concept, str) else self.concept or None)
        examples = self.with_ if self.without is None else self.without
        ways = (self.concept, examples, self.measure, self.dimension)
        if sum(way is not None for way in ways) != 1:
            raise LunetteError(
                "say in one way what to change: --concept NAME, --from label:3 --to label:8, --with A/ --without B/, "
                "--measure slant, or --dimension 0"
            )

    @classmethod
    def of(cls, **said: Any) -> Direction:
        """Return the direction that keywords say; raises LunetteError for one that is none of its fields."""
        known = [field.name for field in fields(cls)]
        for name in said:
            if name not in known:
                raise unknown("way to say a direction", name, known)
        return cls(**said)

    @property
    def strength(self) -> float:
        """How far one goes along it by default, in steps."""
        return ALONG_CONCEPT if self.dimension is None else ALONG_DIMENSION

    @property
    def source_label(self) -> str | None:
        """The label of the pictures that are to change, where it goes from one."""
        return label_in(self.without)

    @property
    def goal_label(self) -> str | None:
        """The label that pictures are to get, where it goes to one."""
        return label_in(self.with_)

    def is_redrawn(self, trained: Trained) -> bool:
        """Return whether it goes from label to label of a model that is told labels, whose codes need not move."""
        return trained.model.labels > 0 and None not in (self.source_label, self.goal_label)

    def steps(self, trained: Trained, label: Label | None = None) -> dict[str, Codes]:
        """Return its steps v, a tensor (D,) a rung, by what each is called; several dimensions are several steps."""
        if self.dimension is not None:
            return steps_along(trained.model, split_or_drawn(trained, "train"), self.dimension)
        if self.concept is not None:
            return {", ".join(self.concept): combined(trained, self.concept)}
        made = concept_of(trained, "", self.with_, self.without, self.measure, label)
        return {", ".join(f"{key} {value}" for key, value in made.how.items()): made.vector}


def combined(trained: Trained, wanted: Sequence[str]) -> Codes:
    """Return Σ weight · v of the run's concepts that are `wanted`, each a NAME or NAME:WEIGHT; a tensor (D,) a rung.

    Raises LunetteError for unknown names, weights that are no numbers, and concepts of another checkpoint's codes.
    """
    parts = []
    for text in wanted:
        name, _, number = text.partition(":")
        try:
            weight = float(number or 1)
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight):
            raise LunetteError(f"the weight of a concept is a number, as in {name}:-0.5, not {number!r}")
        concept = trained.run.concepts.load_for(name, trained.name, trained.sha256)
        parts.append([weight * rung for rung in concept.vector])
    return tuple(torch.stack(rung).sum(0) for rung in zip(*parts, strict=True))
