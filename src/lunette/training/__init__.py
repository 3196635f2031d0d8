"""The one loop: a generator of events that writes no files and prints nothing."""

from lunette.training.batches import cuts, pick_device, spread, to_float
from lunette.training.evaluate import evaluate
from lunette.training.events import End, EpochEnd, Event, Metrics, PictureTime, Start, Step
from lunette.training.feed import lost_workers_told
from lunette.training.loop import Training
from lunette.training.memory import keep_memory
from lunette.training.position import Position
from lunette.training.precision import EMULATE, Precision, has_bf16, pick_precision
from lunette.training.processes import ALONE, PATIENCE, Team, are_to_launch, is_launched, joined
from lunette.training.settings import PRESETS, PrecisionName, PresetName, TrainingSettings
from lunette.training.step import check_shares
from lunette.training.threads import pick_threads

__all__ = [
    "ALONE",
    "EMULATE",
    "PATIENCE",
    "PRESETS",
    "End",
    "EpochEnd",
    "Event",
    "Metrics",
    "PictureTime",
    "Position",
    "Precision",
    "PrecisionName",
    "PresetName",
    "Start",
    "Step",
    "Team",
    "Training",
    "TrainingSettings",
    "are_to_launch",
    "check_shares",
    "cuts",
    "evaluate",
    "has_bf16",
    "is_launched",
    "joined",
    "keep_memory",
    "lost_workers_told",
    "pick_device",
    "pick_precision",
    "pick_threads",
    "spread",
    "to_float",
]
