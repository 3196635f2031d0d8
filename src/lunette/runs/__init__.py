"""The run folder: settings, checkpoints, metrics; it prints nothing."""

from lunette.files import write, writing
from lunette.runs.checkpoints import Checkpoint, Loaded
from lunette.runs.concepts import Concept, Concepts, check_name
from lunette.runs.opening import AnyRun, load, open_run
from lunette.runs.priors import FittedPrior, Priors
from lunette.runs.record import record, restore
from lunette.runs.run import REPORT, Run, Trained
from lunette.runs.settings import RunSettings, versions
from lunette.runs.signals import Signals

__all__ = [
    "REPORT",
    "AnyRun",
    "Checkpoint",
    "Concept",
    "Concepts",
    "FittedPrior",
    "Loaded",
    "Priors",
    "Run",
    "RunSettings",
    "Signals",
    "Trained",
    "check_name",
    "load",
    "open_run",
    "record",
    "restore",
    "versions",
    "write",
    "writing",
]
