"""Densities fitted to a run's codes: a file of tensors each, and readable text that names it and its checkpoint."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import safetensors.torch
import tomli_w
import torch
from torch import Tensor

from lunette.codes.fitted import KINDS, Density, make_density
from lunette.errors import LunetteError, unknown
from lunette.files import write, writing
from lunette.images import Label, index_of
from lunette.runs.checkpoints import pack

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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
        with writing(self.folder):
            self.folder.mkdir(exist_ok=True)
        data = pack(prior.density.state_dict())
        digest = hashlib.sha256(data).hexdigest()
        known = {f.name: getattr(prior, f.name) for f in fields(prior) if f.name != "density"}
        text = self.folder / f"{prior.kind}.toml"
        old = self._tensors(text)
        # The text names its tensors, so the moment in which it is replaced decides.
        new = self.folder / f"{prior.kind}-{digest[:12]}.safetensors"
        try:
            write(new, data)
            write(text, tomli_w.dumps({"tensors": new.name, "tensors_sha256": digest, **known}))
        finally:
            counts = self._tensors(text)
            for tensors in (old, new):
                if tensors and tensors != counts:
                    tensors.unlink(missing_ok=True)

    def _tensors(self, text: Path) -> Path | None:
        """Return the file of tensors that `text` names, if it names one: never one outside, in whoever's run."""
        try:
            return self.folder / Path(tomllib.loads(text.read_text(encoding="utf-8"))["tensors"]).name
        except (OSError, ValueError, KeyError):
            return None

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
            text = tomllib.loads(path.read_text(encoding="utf-8"))
            missing = {f.name for f in fields(FittedPrior)} - {"density"} - text.keys()
            if missing:
                raise ValueError(f"it says nothing of {', '.join(sorted(missing))}")
            return text
        except (OSError, ValueError) as error:
            raise LunetteError(
                f"{path} cannot be read as a fitted prior ({error}): {self._again(path.stem)}"
            ) from error

    def _read(self, text: dict[str, Any]) -> FittedPrior:
        file, digest = self.folder / Path(text.pop("tensors")).name, text.pop("tensors_sha256")
        text |= {"rungs": tuple(text["rungs"]), "label_names": tuple(text["label_names"])}
        try:
            data = file.read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                raise ValueError("its SHA-256 is not the one it was saved with")
            density = make_density(text["kind"], sum(text["rungs"]), len(text["label_names"]), text["arguments"])
            density.load_state_dict(safetensors.torch.load(data))
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise LunetteError(f"{file} is damaged ({error}): {self._again(text['kind'])}") from error
        return FittedPrior(**text, density=density.eval())

    def _again(self, kind: str) -> str:
        return f"fit it anew with lunette fit-prior {self.run} --kind {kind}"
