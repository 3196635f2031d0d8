"""The one loop: a generator of events that writes no files and prints nothing."""

from lunette.training.batches import batches, pick_device, to_float
from lunette.training.evaluate import evaluate
from lunette.training.events import End, EpochEnd, Event, Metrics, PictureTime, Start, Step
from lunette.training.loop import Position, Training
from lunette.training.processes import ALONE, Team, is_launched, joined
from lunette.training.settings import TrainingSettings
from lunette.training.step import check_shares

__all__ = [
    "ALONE",
    "End",
    "EpochEnd",
    "Event",
    "Metrics",
    "PictureTime",
    "Position",
    "Start",
    "Step",
    "Team",
    "Training",
    "TrainingSettings",
    "batches",
    "check_shares",
    "evaluate",
    "is_launched",
    "joined",
    "pick_device",
    "to_float",
]
