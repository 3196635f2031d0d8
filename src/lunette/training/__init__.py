"""The one loop: a generator of events that writes no files and prints nothing."""

from lunette.training.batches import batches, pick_device, to_float
from lunette.training.evaluate import evaluate
from lunette.training.events import End, EpochEnd, Event, Metrics, PictureTime, Step
from lunette.training.loop import Position, Training
from lunette.training.settings import TrainingSettings

__all__ = [
    "End",
    "EpochEnd",
    "Event",
    "Metrics",
    "PictureTime",
    "Position",
    "Step",
    "Training",
    "TrainingSettings",
    "batches",
    "evaluate",
    "pick_device",
    "to_float",
]
