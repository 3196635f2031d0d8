"""The run folder: settings, checkpoints, metrics; it prints nothing."""

from lunette.files import write, writing
from lunette.results.evaluation import REPORT
from lunette.runs.checkpoints import Checkpoint, Loaded
from lunette.runs.concepts import Concept, Concepts, check_name
from lunette.runs.opening import AnyRun, load, open_run
from lunette.runs.priors import FittedPrior, Priors
from lunette.runs.record import record, restore
from lunette.runs.run import Run
from lunette.runs.settings import RunSettings, versions
from lunette.runs.signals import Signals
from lunette.runs.stand_ins import split_or_drawn, warn_of_missing
from lunette.runs.trained import Codes, Trained

__all__ = [
    "REPORT",
    "AnyRun",
    "Checkpoint",
    "Codes",
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
    "split_or_drawn",
    "versions",
    "warn_of_missing",
    "write",
    "writing",
]
