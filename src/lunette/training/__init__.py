"""The one loop: a generator of events that writes no files and prints nothing."""

from lunette.training.evaluate import evaluate
from lunette.training.events import End, EpochEnd, Event, Metrics, PictureTime, Start, Step
from lunette.training.loader import lost_workers_told
from lunette.training.loop import Training
from lunette.training.position import Position
from lunette.training.settings import PRESETS, PresetName, TrainingSettings
from lunette.training.step import check_shares
from lunette.training.threads import pick_threads

__all__ = [
    "PRESETS",
    "End",
    "EpochEnd",
    "Event",
    "Metrics",
    "PictureTime",
    "Position",
    "PresetName",
    "Start",
    "Step",
    "Training",
    "TrainingSettings",
    "check_shares",
    "evaluate",
    "lost_workers_told",
    "pick_threads",
]
