"""The one loop: a generator of events that writes no files and prints nothing."""

from lunette.training.batches import batches, pick_device, to_float
from lunette.training.evaluate import evaluate
from lunette.training.events import End, EpochEnd, Event, Metrics, PictureTime, Start, Step
from lunette.training.loop import Position, Training
from lunette.training.precision import Precision, pick_precision
from lunette.training.processes import ALONE, Team, is_launched, joined
from lunette.training.settings import PRESETS, PresetName, TrainingSettings
from lunette.training.step import check_shares

__all__ = [
    "ALONE",
    "PRESETS",
    "End",
    "EpochEnd",
    "Event",
    "Metrics",
    "PictureTime",
    "Position",
    "Precision",
    "PresetName",
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
    "pick_precision",
    "to_float",
]
