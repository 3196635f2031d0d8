"""What was trained, and on what: the content of run.toml."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import metadata
from typing import Any

import numpy as np
import torch

from lunette.errors import LunetteError
from lunette.images import DataSettings, Shape
from lunette.recipes import RECIPES, arguments
from lunette.stored import from_toml, to_toml, typed, within
from lunette.training import TrainingSettings

WHERE = ("data.source", "training.device")  # in run.toml: where the run is, not what, so that it may be changed by hand
FORMAT = 1  # of the run folder; runs from before there was a number, which are read all the same, are of 0
FACTS = {"shape": tuple[int, int, int], "train": int, "validation": int, "test": int, "sha256": str}


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
            "format": FORMAT,
            "recipe": self.recipe,
            "arguments": self.arguments,
            "data": _without_none(tables) | {"facts": self.facts},
            "training": _without_none(asdict(self.training)),
            "versions": self.versions,
        }
        return to_toml(content, WHERE)

    @classmethod
    def from_toml(cls, text: str) -> RunSettings:
        """Read run.toml; raises KeyError, TypeError, ValueError or LunetteError where it is not one."""
        content = from_toml(text, WHERE)
        if (written := typed(int, content.get("format", 0))) > FORMAT:
            raise LunetteError(
                f"this run is of format {written}, and this Lunette knows up to {FORMAT}: use a newer one"
            )
        data, recipe = typed(Mapping[str, Any], content["data"]), typed(str, content["recipe"])
        loading = {f.name: data[f.name] for f in fields(DataSettings) if f.name in data}
        given = typed(Mapping[str, Any], content["arguments"])
        kinds = {argument.name: argument.type for argument in arguments(recipe)} if recipe in RECIPES else {}
        return cls(
            recipe=recipe,
            arguments={name: within(name, kinds.get(name, Any), value) for name, value in given.items()},
            source=typed(str, data["source"]),
            data=typed(DataSettings, loading),
            training=typed(TrainingSettings, content["training"]),
            facts=checked_facts(data["facts"]),
            versions=typed(Mapping[str, str], content["versions"]),
        )


def checked_facts(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return facts of the data as they are; raises KeyError or ValueError where one lacks or is of another type."""
    for name, kind in FACTS.items():
        within(name, kind, facts[name])
    within("labels", tuple[str, ...], facts.get("labels", []))
    return facts


def versions() -> dict[str, str]:
    """Return the versions that a run's numbers depend on."""
    return {
        "lunette": metadata.version("lunette"),
        "python": ".".join(map(str, sys.version_info[:3])),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}
