"""The run folder: settings, checkpoints, metrics; it prints nothing."""

from lunette.files import write, writing
from lunette.runs.priors import FittedPrior, Priors
from lunette.runs.record import record, restore
from lunette.runs.run import REPORT, Run, RunSettings, versions

__all__ = ["REPORT", "FittedPrior", "Priors", "Run", "RunSettings", "record", "restore", "versions", "write", "writing"]
