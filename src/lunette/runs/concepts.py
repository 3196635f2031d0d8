"""Directions in a run's codes that have a name: a file of tensors each, and readable text that says how it was made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from torch import Tensor

from lunette.errors import LunetteError, unknown
from lunette.runs.kept import keep, read_tensors, read_text

NAME = r"\w[\w-]*"  # a file is called so, and a colon divides it from a weight


@dataclass(frozen=True)
class Concept:
    """A direction in the codes of one checkpoint, and what is known of it: the content of concepts/NAME.toml."""

    name: str
    how: dict[str, str]  # it was made: the flags of lunette concept add
    checkpoint: str  # whose codes it is of
    checkpoint_sha256: str  # of that checkpoint's model.safetensors
    rungs: tuple[int, ...]  # dimensions of each rung of codes
    pictures: tuple[int, int]  # examples with it, and without
    labels: tuple[str, ...]  # it is the mean of what was found within each of these; none: labels played no part
    vector: tuple[Tensor, ...] = field(repr=False, compare=False)  # (D,) a rung
    added: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


class Concepts:
    """The concepts of one run, in `run`/concepts."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.folder = run / "concepts"

    def names(self) -> list[str]:
        """Return the names of all concepts, in the order of the alphabet."""
        return sorted(path.stem for path in self.folder.glob("*.toml"))

    def save(self, concept: Concept) -> None:
        """Write `concept` in place of the one of its name; raises LunetteError for a name that no file can have."""
        check_name(concept.name)
        known = {f.name: getattr(concept, f.name) for f in fields(Concept) if f.name != "vector"}
        tensors = {f"rung{i}": rung for i, rung in enumerate(concept.vector)}
        keep(self.folder / f"{concept.name}.toml", known, tensors)

    def load(self, name: str) -> Concept:
        """Return the concept called `name`; raises LunetteError with the nearest name, and where it is damaged."""
        names = self.names()
        if not names:
            raise LunetteError(
                f"{self.run} has no concept {name!r}, nor any other: make one, such as "
                f"lunette concept add {self.run} {name} --with FOLDER --without FOLDER"
            )
        if name not in names:
            raise unknown("concept", name, names)
        try:
            text = read_text(self.folder / f"{name}.toml", {f.name for f in fields(Concept)} - {"vector"})
            tensors = read_tensors(self.folder / text.pop("tensors"), text.pop("tensors_sha256"))
            vector = tuple(tensors[f"rung{i}"] for i in range(len(text["rungs"])))
            lists: dict[str, Any] = {key: tuple(text.pop(key)) for key in ("rungs", "pictures", "labels")}
            return Concept(**text, **lists, vector=vector)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LunetteError(
                f"the concept {name!r} in {self.folder} is damaged ({error}): make it anew with "
                f"lunette concept add {self.run} {name}"
            ) from error

    def load_for(self, name: str, checkpoint: str, sha256: str) -> Concept:
        """Return the concept called `name`, of the codes of `checkpoint`, whose weights have that SHA-256.

        Raises LunetteError where it is of another checkpoint's codes.
        """
        concept = self.load(name)
        if concept.checkpoint_sha256 != sha256:
            flags = " ".join(f"--{flag} {value}" for flag, value in (concept.how | {"checkpoint": checkpoint}).items())
            raise LunetteError(
                f"the concept {name!r} in {self.run} is of the codes of checkpoint {concept.checkpoint}, not of "
                f"{checkpoint}: make it anew with lunette concept add {self.run} {name} {flags}"
            )
        return concept


def check_name(name: str) -> None:
    """Raise LunetteError for a name that a concept cannot have."""
    if not re.fullmatch(NAME, name):
        raise LunetteError(f"a concept cannot be called {name!r}: take letters, digits, _ and -, such as big-smile")
