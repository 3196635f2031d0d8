"""Directions in a run's codes that have a name: a file of tensors each, and readable text that says how it was made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from torch import Tensor

from lunette.errors import LunetteError, unknown
from lunette.names import quoted
from lunette.results.blocks import Block, facts
from lunette.results.result import Result
from lunette.runs.artifacts import Artifacts
from lunette.stored import reading

NAME = r"\w[\w-]*"  # a file is called so, and a colon divides it from a weight


APART = ("vector", "run")  # of the fields: what is no text


@dataclass(frozen=True)
class Concept(Result):
    """A direction in the codes of one checkpoint, and what is known of it: the content of concepts/NAME.toml."""

    name: str
    how: Mapping[str, str]  # it was made: the flags of lunette concept add
    checkpoint: str  # whose codes it is of
    checkpoint_sha256: str  # of that checkpoint's model.safetensors
    rungs: tuple[int, ...]  # dimensions of each rung of codes
    pictures: tuple[int, int]  # examples with it, and without
    labels: tuple[str, ...]  # it is the mean of what was found within each of these; none: labels played no part
    vector: tuple[Tensor, ...] = field(repr=False, compare=False)  # (D,) a rung
    added: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    run: Path = field(default=Path(), repr=False, compare=False)  # where it is kept

    def sentence(self) -> str:
        """Return what it is of."""
        with_, without = self.pictures
        return f"concept {self.name} of {with_:,} pictures with it, {without:,} without"

    def facts(self) -> dict[str, str]:
        """Return how it was made, of how many pictures and of which codes."""
        with_, without = self.pictures
        return {
            "made": " ".join(f"--{flag} {value}" for flag, value in self.how.items()),
            "pictures": f"{with_:,} with it, {without:,} without",
            "within labels": ", ".join(self.labels) or "no",
            "codes": f"of checkpoint {self.checkpoint}",
        }

    def blocks(self) -> Iterator[Block]:
        """Yield the facts, and how to edit along it."""
        yield facts({self.name: self.facts()})
        yield f"edit along it with lunette edit {quoted(self.run)} --concept {self.name}"


class Concepts(Artifacts):
    """The concepts of one run, in `run`/concepts."""

    def __init__(self, run: Path) -> None:
        super().__init__(run / "concepts")
        self.run = run

    def save(self, concept: Concept) -> None:
        """Write `concept` in place of the one of its name; raises LunetteError for a name that no file can have."""
        check_name(concept.name)
        tensors = {f"rung{i}": rung for i, rung in enumerate(concept.vector)}
        self.keep(concept.name, concept, tensors, apart=APART)

    def load(self, name: str) -> Concept:
        """Return the concept called `name`; raises LunetteError with the nearest name, and where it is damaged."""
        names = self.names()
        if not names:
            raise LunetteError(
                f"{self.run} has no concept {name!r}, nor any other: make one, such as "
                f"lunette concept add {quoted(self.run)} {name} --with FOLDER --without FOLDER"
            )
        if name not in names:
            raise unknown("concept", name, names)
        mend = f"make it anew with lunette concept add {quoted(self.run)} {name}"
        with reading(self.folder / f"{name}.toml", "a concept", mend):
            known, tensors = self.read(name, Concept, apart=APART)
            vector = tuple(tensors[f"rung{i}"] for i in range(len(known["rungs"])))
            if known["name"] != name or known["rungs"] != tuple(map(len, vector)):
                raise ValueError("its text is another's")
            return Concept(**known, vector=vector, run=self.run)

    def load_for(self, name: str, checkpoint: str, sha256: str) -> Concept:
        """Return the concept called `name`, of the codes of `checkpoint`, whose weights have that SHA-256.

        Raises LunetteError where it is of another checkpoint's codes.
        """
        concept = self.load(name)
        if concept.checkpoint_sha256 != sha256:
            flags = " ".join(
                f"--{flag} {quoted(value)}" for flag, value in {**concept.how, "checkpoint": checkpoint}.items()
            )
            raise LunetteError(
                f"the concept {name!r} in {self.run} is of the codes of checkpoint {concept.checkpoint}, not of "
                f"{checkpoint}: make it anew with lunette concept add {quoted(self.run)} {name} {flags}"
            )
        return concept


def check_name(name: str) -> None:
    """Raise LunetteError for a name that a concept cannot have."""
    if not re.fullmatch(NAME, name):
        raise LunetteError(f"a concept cannot be called {name!r}: take letters, digits, _ and -, such as big-smile")
