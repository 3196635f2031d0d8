"""Densities fitted to a run's codes: a file of tensors each, and readable text that names it and its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lunette.codes.fitted import KINDS, Density, make_density
from lunette.errors import LunetteError, unknown
from lunette.images import Label, index_of
from lunette.runs.kept import keep, read_tensors, read_text


@dataclass(frozen=True)
class FittedPrior:
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


class Priors:
    """The fitted priors of one run, in `run`/priors."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.folder = run / "priors"

    def save(self, prior: FittedPrior) -> None:
        """Write `prior` in place of the one of its kind: whatever happens meanwhile, one of the two is there whole."""
        known = {f.name: getattr(prior, f.name) for f in fields(prior) if f.name != "density"}
        keep(self.folder / f"{prior.kind}.toml", known, prior.density.state_dict())

    def load(self, kind: str | None = None) -> FittedPrior:
        """Return the fitted prior called `kind`, or the newest one; raises LunetteError where there is none."""
        if kind is not None and kind not in KINDS:
            raise unknown("kind of prior", kind, KINDS)
        found = [self._text(path) for path in sorted(self.folder.glob(f"{kind or '*'}.toml"))]
        if not found:
            what = f"no {kind} prior was" if kind else "it has no prior of its own, and none was"
            how = f" --kind {kind}" if kind else ""
            raise LunetteError(
                f"nothing says which codes of {self.run} to draw: {what} fitted to them yet; do so with "
                f"lunette fit-prior {self.run}{how}"
            )
        return self._read(max(found, key=lambda text: text["fitted"]))

    def _text(self, path: Path) -> dict[str, Any]:
        try:
            return read_text(path, {f.name for f in fields(FittedPrior)} - {"density"})
        except (OSError, ValueError) as error:
            raise LunetteError(
                f"{path} cannot be read as a fitted prior ({error}): {self._again(path.stem)}"
            ) from error

    def _read(self, text: dict[str, Any]) -> FittedPrior:
        file, digest = self.folder / text.pop("tensors"), text.pop("tensors_sha256")
        text |= {"rungs": tuple(text["rungs"]), "label_names": tuple(text["label_names"])}
        try:
            tensors = read_tensors(file, digest)
            density = make_density(text["kind"], sum(text["rungs"]), len(text["label_names"]), text["arguments"])
            density.load_state_dict(tensors)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise LunetteError(f"{file} is damaged ({error}): {self._again(text['kind'])}") from error
        return FittedPrior(**text, density=density.eval())

    def _again(self, kind: str) -> str:
        return f"fit it anew with lunette fit-prior {self.run} --kind {kind}"
