"""How to train: every field is a flag of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from lunette.compute.precision import PrecisionName
from lunette.errors import LunetteError
from lunette.signatures import Flag

OptimizerName = Literal["adam", "adamw", "rmsprop", "sgd"]
ScheduleName = Literal["constant", "cosine", "one-cycle"]
PresetName = Literal["fast"]

# What benchmarks/search.py found to reach the quality of 30 plain epochs soonest, by validation pictures.
PRESETS: Mapping[PresetName, Mapping[str, Any]] = {
    "fast": {"epochs": 10, "batch_size": 256, "learning_rate": 12e-3, "schedule": "one-cycle"},
}


@dataclass(frozen=True)
class TrainingSettings:
    """Raises LunetteError for a value that cannot be trained with."""

    group: ClassVar[str] = "training"  # of its flags, in the help

    epochs: Annotated[int, Flag("passes over the training pictures", common=True)] = 30
    batch_size: Annotated[int, Flag("pictures a step", common=True)] = 128
    learning_rate: Annotated[float, Flag("peak step size", common=True)] = 1e-3
    optimizer: Annotated[OptimizerName, "how steps are made of gradients"] = "adam"
    schedule: Annotated[ScheduleName, "course of the learning rate: constant, cosine to 0, or up and down"] = "constant"
    warmup: Annotated[float, "epochs over which the learning rate rises from 0 (not for one-cycle)"] = 0.0
    clip: Annotated[float | None, "largest norm of a step's gradient; longer ones are shortened to it"] = None
    patience: Annotated[
        int | None, Flag("stop after so many epochs without a better validation loss, keep the best", common=True)
    ] = None
    accumulate: Annotated[int, "make each step in so many parts, which takes less memory and changes nothing else"] = 1
    shard: Annotated[
        bool, Flag("part weights and optimiser state among the processes (FSDP2), for large models", group="machine")
    ] = False
    graph: Annotated[
        bool, Flag("record a GPU's step once and play it again (CUDA graph); written, never measured", group="machine")
    ] = False
    pictures: Annotated[int, "draw pictures every so many epochs; 0 only at the end"] = 1
    seed: Annotated[int, "for initial weights, data order, corruption, noise and pictures"] = 0
    device: Annotated[str, Flag("auto, cpu, cuda, cuda:1, mps", group="machine", common=True)] = "auto"
    threads: Annotated[
        int | None, Flag("of the processor; by default as many as the network is large enough for", group="machine")
    ] = None
    precision: Annotated[
        PrecisionName,
        Flag("of matrix products: float32, or bfloat16 summed in float32; auto: if fast", group="machine"),
    ] = "auto"

    def __post_init__(self) -> None:
        least = {"epochs": 1, "batch_size": 1, "accumulate": 1, "patience": 1, "threads": 1, "pictures": 0, "warmup": 0}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise LunetteError(f"{name} must be at least {bound}, not {value}")
        for name in ("learning_rate", "clip"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise LunetteError(f"{name} must be greater than 0 and finite, not {value}")
