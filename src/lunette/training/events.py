"""What training yields; it prints and writes nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from lunette.compute.precision import Precision
from lunette.objectives import unit_of


@dataclass(frozen=True)
class Metrics:
    """Means over the images of one split: each term by its name, unweighted, in nats an image or without unit."""

    terms: Mapping[str, float]
    weights: Mapping[str, float]
    seconds: float

    @property
    def loss(self) -> float:
        """Σ weight · term, in `unit`."""
        return sum(self.weights[name] * value for name, value in self.terms.items() if self.weights[name] != 0)

    @property
    def unit(self) -> str:
        """The unit of the loss; empty where a term that has none is a part of it."""
        return unit_of(*(name for name, weight in self.weights.items() if weight))


@dataclass(frozen=True)
class Start:
    """Training begins, or goes on."""

    device: str
    threads: int
    processes: int
    precision: Precision


@dataclass(frozen=True)
class Step:
    """One update of the weights was made; `terms` are means over this process's part of its batch, on the device."""

    stage: str  # empty in the main phase
    epoch: int  # the epoch that is running, from 1
    epochs: int
    batch: int  # batches of this epoch done
    batches: int
    terms: Mapping[str, Tensor]
    settled: bool  # whether the numbers of all steps were read and found finite, so that training can be saved


@dataclass(frozen=True)
class EpochEnd:
    """All training pictures were seen once more, and the validation pictures were measured."""

    stage: str
    epoch: int  # epochs done in this stage
    epochs: int
    step: int  # steps done in all
    metrics: Mapping[str, Metrics]  # by split: "train", and "validation" where there is one
    best: bool  # the lowest validation loss so far


@dataclass(frozen=True)
class PictureTime:
    """The settings ask for pictures after this epoch."""

    epoch: int
    draws: bool = True  # whether the model can draw by now: its prior may learn only after


@dataclass(frozen=True)
class End:
    """Training is over; `test` is of the final weights."""

    reason: str
    epoch: int
    test: Metrics | None = field(default=None)


Event = Start | Step | EpochEnd | PictureTime | End
