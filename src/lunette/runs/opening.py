"""From what a user names to a run."""

from __future__ import annotations

from pathlib import Path

from lunette.images import Data, Dataset, DataSettings
from lunette.images import load as load_images
from lunette.images.sources.source import DEFAULT
from lunette.runs.run import SETTINGS, Run

AnyRun = Run | str | Path


def open_run(run: AnyRun) -> Run:
    """Return the run in a folder, or the run itself; every verb that takes a run is a method of it.

    Raises LunetteError for a folder that holds none.
    """
    return run if isinstance(run, Run) else Run(run)


def load(source: Data, settings: DataSettings = DEFAULT, check: bool = True) -> Dataset | Run:
    """Return the pictures of a source in their splits, see `lunette.images.load`; a run's folder is opened."""
    if isinstance(source, str | Path) and ((path := Path(source).expanduser()) / SETTINGS).is_file():
        return open_run(path)
    return load_images(source, settings, check)


open = open_run  # noqa: A001
