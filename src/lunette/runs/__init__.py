"""The run folder: settings, checkpoints, metrics; it prints nothing."""

from lunette.files import write, writing
from lunette.runs.checkpoints import Checkpoint
from lunette.runs.concepts import Concept, Concepts, check_name
from lunette.runs.priors import FittedPrior, Priors
from lunette.runs.record import record, restore
from lunette.runs.run import REPORT, Run, RunSettings, Trained, versions
from lunette.runs.signals import Signals

__all__ = [
    "REPORT",
    "Checkpoint",
    "Concept",
    "Concepts",
    "FittedPrior",
    "Priors",
    "Run",
    "RunSettings",
    "Signals",
    "Trained",
    "check_name",
    "record",
    "restore",
    "versions",
    "write",
    "writing",
]
