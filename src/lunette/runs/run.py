"""The run folder: what was trained, as readable text and tensors."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import tomli_w
import torch

from lunette.errors import LunetteError, LunetteWarning
from lunette.files import write, write_folder, writing
from lunette.images import Dataset, DataSettings, Shape, is_name, load
from lunette.models import LatentModel
from lunette.names import on_disk
from lunette.recipes import Recipe, build
from lunette.runs.checkpoints import Checkpoint, Checkpoints
from lunette.runs.concepts import Concepts
from lunette.runs.priors import Priors
from lunette.training import TrainingSettings, pick_device

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SETTINGS = "run.toml"
METRICS = "metrics.jsonl"
REPORT = "report.html"


@dataclass(frozen=True)
class RunSettings:
    """The content of run.toml: enough to rebuild the run."""

    recipe: str
    arguments: Mapping[str, Any]
    source: str
    data: DataSettings
    training: TrainingSettings
    facts: Mapping[str, Any]  # of the data: shape, sizes of the splits, how they were made, SHA-256
    versions: Mapping[str, str]

    @property
    def shape(self) -> Shape:
        """The shape (C, H, W) of the images."""
        channels, height, width = self.facts["shape"]
        return (channels, height, width)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the images' labels; none where they have no labels."""
        return tuple(self.facts.get("labels", ()))

    def to_toml(self) -> str:
        """Return run.toml's text; a setting that is None is left out."""
        tables = {"source": self.source} | asdict(self.data)
        content = {
            "recipe": self.recipe,
            "arguments": self.arguments,
            "data": _without_none(tables) | {"facts": self.facts},
            "training": _without_none(asdict(self.training)),
            "versions": self.versions,
        }
        return tomli_w.dumps(content)

    @classmethod
    def from_toml(cls, text: str) -> RunSettings:
        """Read run.toml's text; raises KeyError, TypeError or ValueError where it is not one."""
        content = tomllib.loads(text)
        data = content["data"]
        return cls(
            recipe=content["recipe"],
            arguments={k: tuple(v) if isinstance(v, list) else v for k, v in content["arguments"].items()},
            source=data["source"],
            data=DataSettings(**{f.name: data[f.name] for f in fields(DataSettings) if f.name in data}),
            training=TrainingSettings(**content["training"]),
            facts=data["facts"],
            versions=content["versions"],
        )


@dataclass(frozen=True)
class Trained:
    """A recipe with the weights of the checkpoint `name`, ready for use, and where training was then."""

    name: str
    recipe: Recipe
    state: Mapping[str, Any]


class Run:
    """A run folder; made by `Run.create`, opened by `Run(path)`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints = Checkpoints(self.path)
        self.priors = Priors(self.path)
        self.concepts = Concepts(self.path)
        try:
            self.settings = RunSettings.from_toml((self.path / SETTINGS).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            what = "has no run.toml, so it is no run folder" if self.path.exists() else "does not exist"
            raise LunetteError(f"{self.path} {what}; lunette train makes one, under runs/") from None
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise LunetteError(f"{self.path / SETTINGS} cannot be read as a run's settings: {error!r}") from error

    @classmethod
    def create(cls, out: str | Path | None, settings: RunSettings, files: Mapping[str, bytes]) -> Run:
        """Make the run folder `out` (by default runs/RECIPE-DATA-NNN), with `files` in it besides run.toml."""
        path = Path(out) if out else _reserve(settings)
        if not path.name:
            raise LunetteError(f"--out {path} is no name for a run folder: give it one, such as runs/my-run")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise LunetteError(f"{path} exists already: choose another --out, or go on with lunette resume {path}")
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_folder(path, {SETTINGS: settings.to_toml().encode(), **files})
        return cls(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

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
        with writing(self.path):
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
        """Return the rows of metrics.jsonl."""
        path = self.path / METRICS
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def training_seconds(self) -> float:
        """Return how long training took so far, all stages, on the machine where it ran."""
        return float(sum(row["seconds"] for row in self.metrics() if row["split"] == "train"))

    def write_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Replace metrics.jsonl by `rows`."""
        write(self.path / METRICS, "".join(json.dumps(row) + "\n" for row in rows))

    @property
    def has_data(self) -> bool:
        """Whether the data that the run was trained on is on this machine."""
        source = on_disk(self.settings.source)
        return "dataset" in vars(self) or is_name(source) or (self.path / source).is_file() or Path(source).exists()

    @cached_property
    def dataset(self) -> Dataset:
        """The data that the run was trained on, loaded again; a warning says so where it has changed."""
        source = on_disk(self.settings.source)
        # A source that lies in the run folder moves with it.
        inside = self.path / source
        if not self.has_data:
            raise LunetteError(
                f"{self.path} was trained on {source}, which is not on this machine: bring it there, or say in "
                f"{self.path / SETTINGS}, as the source, where it is now (most verbs need none of it for pictures of "
                "your own)"
            )
        named = f"{source}:" if is_name(source) and ":" not in source else source  # and not a folder of that name
        # What lies there are bytes, whatever their range was before.
        how = dataclasses.replace(self.settings.data, range=None) if inside.is_file() else self.settings.data
        data = load(inside if inside.is_file() else named, how)
        if data.facts["sha256"] != self.settings.facts["sha256"]:
            warnings.warn(f"the data in {source} is not what {self.path} was trained on", LunetteWarning, stacklevel=2)
        return data

    def recipe(self) -> Recipe:
        """Return the recipe, with untrained weights."""
        return build(self.settings.recipe, self.settings.shape, self.settings.arguments, len(self.settings.label_names))

    def model(self, checkpoint: str = "last", device: str = "auto") -> LatentModel:
        """Return the trained model of a checkpoint (last, best or its number), ready for use."""
        return self.trained(checkpoint, device).recipe.model

    def trained(self, checkpoint: str = "last", device: str = "auto") -> Trained:
        """Return the same with its recipe, and what else is known of the checkpoint."""
        name, loaded = self.checkpoints.load(checkpoint)
        with torch.random.fork_rng():  # its first weights are drawn, and then replaced
            recipe = self.recipe()
        load_weights(recipe.model.load_state_dict, loaded)
        recipe.model.to(pick_device(device)).eval()
        return Trained(name, recipe, loaded.state)


def load_weights(load: Callable[[Mapping[str, torch.Tensor]], object], checkpoint: Checkpoint) -> None:
    """Let `load` take the weights of a checkpoint; raises LunetteError where they are another model's."""
    try:
        load(checkpoint.model)
    except RuntimeError as error:
        raise LunetteError(f"the checkpoint's weights do not fit the run's recipe: {error}") from error


def versions() -> dict[str, str]:
    """Return the versions that a run's numbers depend on."""
    return {
        "lunette": metadata.version("lunette"),
        "python": ".".join(map(str, sys.version_info[:3])),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def _reserve(settings: RunSettings) -> Path:
    """Make and return the next free folder runs/RECIPE-DATA-NNN, which no other process can then take."""
    data = re.sub(r"[^a-z0-9]+", "-", Path(settings.source).stem.lower()).strip("-") or "data"
    stem = Path("runs") / f"{settings.recipe.replace('_', '-')}-{data}"
    with writing(stem):
        stem.parent.mkdir(exist_ok=True)
        for number in itertools.count(1):
            path = stem.with_name(f"{stem.name}-{number:03d}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                return path
    raise AssertionError("itertools.count ends only by the return")


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}
