"""The run folder: what was trained, as readable text and tensors."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.compute import pick_device
from lunette.errors import LunetteError, LunetteWarning
from lunette.files import is_taken, write, write_folder, writing
from lunette.images import Data, Dataset, Images, Label, is_name, load
from lunette.models import LatentModel
from lunette.names import on_disk, quoted
from lunette.public import verbs_of_runs
from lunette.recipes import Recipe, build
from lunette.results.blocks import Block
from lunette.results.evaluation import REPORT
from lunette.results.result import Result
from lunette.runs.artifacts import ELSEWHERE
from lunette.runs.card import card, sentence
from lunette.runs.checkpoints import Checkpoint, Checkpoints, Loaded
from lunette.runs.concepts import Concepts
from lunette.runs.metrics import read_rows
from lunette.runs.numbered import write_numbered
from lunette.runs.priors import Priors
from lunette.runs.settings import RunSettings
from lunette.runs.trained import Trained
from lunette.stored import reading

SETTINGS = "run.toml"
METRICS = "metrics.jsonl"


class Run(Result):
    """A run folder; made by `Run.create`, opened by `Run(path)`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.keeps = True  # the model and the codes that were asked for last, for as long as the run is held
        self._kept: tuple[object, Trained] | None = None
        self.checkpoints = Checkpoints(self.path)
        self.priors = Priors(self.path)
        self.concepts = Concepts(self.path)
        if not (self.path / SETTINGS).is_file():
            what = "has no run.toml, so it is no run folder" if self.path.exists() else "does not exist"
            raise LunetteError(f"{self.path} {what}; lunette train makes one, under runs/")
        with reading(self.path / SETTINGS, "a run's settings", "restore the file, or train anew"):
            self.settings = RunSettings.from_toml((self.path / SETTINGS).read_text(encoding="utf-8"))

    @classmethod
    def create(cls, out: str | Path | None, settings: RunSettings, files: Mapping[str, bytes]) -> Run:
        """Make the run folder `out` (by default runs/RECIPE-DATA-NNN), with `files` in it besides run.toml."""
        content = {SETTINGS: settings.to_toml().encode(), **files}
        if out is None:
            return cls(write_numbered(settings, content))
        path = Path(out)
        if not path.name:
            raise LunetteError(f"--out {path} is no name for a run folder: give it one, such as runs/my-run")
        if is_taken(path):
            raise LunetteError(
                f"{path} exists already: choose another --out, or go on with lunette resume {quoted(path)}"
            )
        write_folder(path, content)
        return cls(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def sentence(self) -> str:
        """Return what was trained on what for how long, and how it ended."""
        return sentence(self)

    def blocks(self) -> Iterator[Block]:
        """Yield where its report and its pictures are."""
        yield f"report    {self.path / REPORT}"
        yield f"pictures  {self.path / 'pictures'}"

    def _repr_html_(self) -> str:
        return card(self, REPORT)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_kept": None}  # a copy reads its own weights

    def __getattr__(self, name: str) -> Any:
        """Return a verb that takes a run as a method: run.sample(64) is lunette.sample(run, 64)."""
        if name not in verbs_of_runs():
            raise AttributeError(f"a run has no {name!r}; its verbs are {', '.join(verbs_of_runs())}")
        return functools.partial(getattr(importlib.import_module("lunette"), name), self)

    def __dir__(self) -> list[str]:
        return sorted([*super().__dir__(), *verbs_of_runs()])

    @property
    def pictures(self) -> Path:
        """The folder of pictures, made if need be."""
        with writing(self.path / "pictures"):
            (self.path / "pictures").mkdir(exist_ok=True)
        return self.path / "pictures"

    def replace_settings(self, settings: RunSettings) -> None:
        """Write other settings to run.toml."""
        write(self.path / SETTINGS, settings.to_toml())
        self.settings = settings

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in this folder; raises LunetteError where one does."""
        lock = filelock.FileLock(self.path / ".lock", timeout=0)
        with writing(self.path, ELSEWHERE):
            try:
                lock.acquire()
            except filelock.Timeout:
                raise LunetteError(f"another process is training in {self.path}: wait for it, or stop it") from None
        try:
            yield
        finally:
            lock.release()

    @property
    def is_finished(self) -> bool:
        """Whether training came to its end and everything was drawn."""
        rows = self.metrics()
        return bool(rows) and rows[-1]["split"] == "test" and (self.path / REPORT).is_file()

    def metrics(self) -> list[dict[str, Any]]:
        """Return the rows of metrics.jsonl; raises LunetteError where one is damaged."""
        path = self.path / METRICS
        if not path.exists():
            return []
        mend = "restore the file, or remove it: the weights are whole, but losses and curves are in it alone"
        with reading(path, "a run's metrics", mend):
            return read_rows(path.read_bytes())

    def training_seconds(self) -> float:
        """Return how long training took so far, all stages, on the machine where it ran."""
        return float(sum(row["seconds"] for row in self.metrics() if row["split"] == "train"))

    def write_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Replace metrics.jsonl by `rows`."""
        write(self.path / METRICS, "".join(json.dumps(row) + "\n" for row in rows))

    @cached_property
    def missing_data(self) -> str:
        """Why the data that the run was trained on cannot be read on this machine; empty where it can."""
        try:
            self.dataset  # noqa: B018
        except LunetteError as error:
            return str(error)
        return ""

    @cached_property
    def dataset(self) -> Dataset:
        """The data that the run was trained on, loaded again; the pictures of a pack are trusted to be as packed."""
        return self.read_data(check=False)

    def read_data(self, check: bool = True) -> Dataset:
        """Return the data that the run was trained on; a warning says so where it has changed.

        `check` the SHA-256 of a pack's pictures, for which all of it is read once.
        """
        source = on_disk(self.settings.source)
        inside = self.path / source  # a source that lies in the run folder moves with it
        if not is_name(source) and not inside.is_file() and not Path(source).exists():
            raise LunetteError(
                f"{self.path} was trained on {source}, which is not on this machine: bring it there, or say in "
                f"{self.path / SETTINGS}, as the source, where it is now (most verbs need none of it for pictures of "
                "your own)"
            )
        named = f"{source}:" if is_name(source) and ":" not in source else source  # and not a folder of that name
        # What lies there are bytes, whatever their range was before.
        how = dataclasses.replace(self.settings.data, range=None) if inside.is_file() else self.settings.data
        data = load(inside if inside.is_file() else named, how, check)
        if data.facts["sha256"] != self.settings.facts["sha256"]:
            warnings.warn(f"the data in {source} is not what {self.path} was trained on", LunetteWarning, stacklevel=2)
        return data

    def recipe(self) -> Recipe:
        """Return the recipe, with untrained weights."""
        return build(self.settings.recipe, self.settings.shape, self.settings.arguments, len(self.settings.label_names))

    def trained(self, checkpoint: str | Loaded = "last", device: str = "auto") -> Trained:
        """Return the model of a checkpoint (last, best or its number), ready for use; the last one asked for is kept.

        Args:
            checkpoint: its name, or what was loaded of it.
            device: auto, cpu, cuda, …

        Raises:
            LunetteError: there is no such checkpoint, it is damaged, or this machine has no such device.
        """
        loaded = self.checkpoints.load(checkpoint) if isinstance(checkpoint, str) else checkpoint
        place = pick_device(device)
        key = loaded.name, loaded.sha256, place
        if self._kept is not None and self._kept[0] == key:
            return self._kept[1]
        trained = Trained(self, loaded, self._with_weights(loaded, place))
        self._kept = (key, trained) if self.keeps else None
        return trained

    def model(self, checkpoint: str = "last", device: str = "auto") -> LatentModel:
        """Return the trained model of a checkpoint as a torch module of the caller's own, in evaluation mode."""
        return self._with_weights(self.checkpoints.load(checkpoint), pick_device(device)).model

    def _with_weights(self, loaded: Loaded, place: torch.device) -> Recipe:
        with torch.random.fork_rng():  # its first weights are drawn, and then replaced
            recipe = self.recipe()
        load_weights(recipe.model.load_state_dict, loaded)
        recipe.model.to(place).eval()
        return recipe

    def encode(self, images: Data | None = None, *, label: Label | None = None, checkpoint: str = "last") -> Tensor:
        """Return the codes of pictures: posterior means (N, D), the rungs of a ladder side by side, the top one first.

        Args:
            images: any source of pictures, brought to the model's size; by default the test pictures, which are
                encoded once.
            label: what a conditional model is told that they show; by default their own labels.
            checkpoint: last, best or a number.

        Raises:
            LunetteError: the pictures cannot be read, or lack labels that the model is told.
        """
        trained = self.trained(checkpoint)
        return torch.cat(trained.encode(trained.pictures(images), label), dim=1)

    def decode(
        self, z: Tensor | NDArray[Any] | Sequence[Tensor], *, label: Label | None = None, checkpoint: str = "last"
    ) -> NDArray[np.float32]:
        """Return the mean images of p(x | z), float32 (N, C, H, W) in [0, 1].

        Args:
            z: codes (N, D) as `encode` returns them, or a tensor (N, D) a rung, of which the last ones may be left out.
            label: what a conditional model is told that they show.
            checkpoint: last, best or a number.

        Raises:
            LunetteError: the codes have another size or numbers that are not finite, or a label is missing.
        """
        trained = self.trained(checkpoint)
        rungs = trained.checked(z)
        y = None
        if label is not None:
            blank = Images(torch.zeros(len(rungs[0]), *self.settings.shape, dtype=torch.uint8))
            y = trained.y(blank, label)
        return trained.decode(rungs, y)


def load_weights(load: Callable[[Mapping[str, torch.Tensor]], object], checkpoint: Checkpoint) -> None:
    """Let `load` take the weights of a checkpoint; raises LunetteError where they are another model's."""
    try:
        load(checkpoint.model)
    except RuntimeError as error:
        raise LunetteError(f"the checkpoint's weights do not fit the run's recipe: {error}") from error
