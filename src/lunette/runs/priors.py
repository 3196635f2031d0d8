"""Densities fitted to a run's codes: a file of tensors each, and readable text that names it and its checkpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lunette.densities import KINDS, Density, make_density
from lunette.errors import LunetteError, Unsupported, unknown
from lunette.images import Label, index_of
from lunette.names import quoted
from lunette.results.blocks import Block
from lunette.results.result import Result
from lunette.runs.artifacts import Artifacts
from lunette.stored import reading

APART = ("density", "run")  # of the fields: what is no text


@dataclass(frozen=True)
class FittedPrior(Result):
    """A density of the codes of one checkpoint, and what is known of it: the content of priors/KIND.toml."""

    kind: str
    arguments: Mapping[str, Any]
    checkpoint: str  # whose codes it is of
    checkpoint_sha256: str  # of that checkpoint's model.safetensors
    rungs: tuple[int, ...]  # dimensions of each rung of codes
    label_names: tuple[str, ...]  # of the labels that it tells apart
    pictures: int  # whose codes it was fitted to
    draws: int  # codes of each picture
    seed: int
    seconds: float
    held_out: Mapping[str, float]  # what was measured on the codes of training pictures held out, by name
    density: Density = field(repr=False, compare=False)
    fitted: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    number: int = 0  # later ones have higher ones; a clock may be set back
    run: Path = field(default=Path(), repr=False, compare=False)  # where it is kept

    def sentence(self) -> str:
        """Return what it was fitted to, how long that took, and how well it fits."""
        numbers = ", ".join(f"{what.replace('_', ' ')} {value:.3f}" for what, value in self.held_out.items())
        return f"{self.kind} prior of {self.pictures:,} pictures' codes in {self.seconds:.0f} s; held out: {numbers}"

    def blocks(self) -> Iterator[Block]:
        """Yield the sentence, and how to draw from it."""
        yield self.sentence()
        yield f"draw from it with lunette sample {quoted(self.run)} --prior {self.kind}"

    def draw(self, n: int, label: Label | None = None, temperature: float = 1.0) -> tuple[Tensor, ...]:
        """Draw n codes, a tensor (n, D) a rung, of the label called `label` where one is asked for.

        Raises LunetteError for a label that it does not know.
        """
        y = None
        if label is not None:
            if not self.label_names:
                raise LunetteError(f"the {self.kind} prior tells no labels apart, so it cannot draw label {label}")
            y = torch.full((n,), index_of(label, self.label_names))
        return self.density.sample(n, y, temperature).split(self.rungs, dim=1)


class Priors(Artifacts):
    """The fitted priors of one run, in `run`/priors."""

    def __init__(self, run: Path) -> None:
        super().__init__(run / "priors")
        self.run = run

    def save(self, prior: FittedPrior) -> FittedPrior:
        """Write `prior` in place of the one of its kind, as the newest, and return it so."""
        others = []
        for kind in self.names():
            with contextlib.suppress(LunetteError):  # a damaged one must not hinder a whole one
                others.append(self._load(kind).number)
        prior = replace(prior, number=1 + max(others, default=0), run=self.run)
        self.keep(prior.kind, prior, prior.density.state_dict(), apart=APART)
        return prior

    def load(self, kind: str | None = None) -> FittedPrior:
        """Return the fitted prior called `kind`, or the newest one; raises LunetteError where there is none."""
        if kind is not None and kind not in KINDS:
            raise unknown("kind of prior", kind, KINDS)
        found = [self._load(name) for name in self.names() if kind in (None, name)]
        if not found:
            what = f"no {kind} prior was" if kind else "it has no prior of its own, and none was"
            how = f" --kind {kind}" if kind else ""
            raise Unsupported(
                f"nothing says which codes of {self.run} to draw: {what} fitted to them yet; do so with "
                f"lunette fit-prior {quoted(self.run)}{how}"
            )
        return max(found, key=lambda prior: (prior.number, prior.fitted))

    def _load(self, kind: str) -> FittedPrior:
        mend = f"fit it anew with lunette fit-prior {quoted(self.run)} --kind {kind}"
        with reading(self.folder / f"{kind}.toml", "a fitted prior", mend):
            known, tensors = self.read(kind, FittedPrior, apart=APART)
            if known["kind"] != kind:
                raise ValueError(f"it is a {known['kind']} prior")
            density = make_density(kind, sum(known["rungs"]), len(known["label_names"]), known["arguments"])
            density.load_state_dict(tensors)
            return FittedPrior(**known, density=density.eval(), run=self.run)
