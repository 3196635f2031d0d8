"""From what a user names to a run."""

from __future__ import annotations

from pathlib import Path

from lunette.images import Data, Dataset, DataSettings
from lunette.images import load as load_images
from lunette.images.sources.source import DEFAULT
from lunette.runs.run import SETTINGS, Run

AnyRun = Run | str | Path


def open_run(run: AnyRun) -> Run:
    """Return the run in a folder for one verb, which keeps nothing for later, or the run that somebody holds."""
    if isinstance(run, Run):
        return run
    opened = Run(run)
    opened.keeps = False
    return opened


def open(run: AnyRun) -> Run:  # noqa: A001
    """Return the run in a folder, or the run itself; every verb that takes a run is a method of it.

    It keeps the model and the codes that were asked for last.

    Args:
        run: a run folder, such as runs/vae-mnist-001, or a run.

    Raises:
        LunetteError: the folder holds no run, or one of a newer Lunette.
    """
    return run if isinstance(run, Run) else Run(run)


def load(source: Data, settings: DataSettings = DEFAULT, check: bool = True) -> Dataset | Run:
    """Return the pictures of a source in their splits; a run's folder is opened instead.

    Args:
        source: whatever `--data` takes, an array or Images (see `lunette.images.load`), or a run folder.
        settings: size, channels, range and the share of validation pictures.
        check: whether the SHA-256 of a pack's pictures is checked, for which all of it is read once.

    Raises:
        LunetteError: the source is none, or is damaged.
    """
    if isinstance(source, str | Path) and ((path := Path(source).expanduser()) / SETTINGS).is_file():
        return Run(path)
    return load_images(source, settings, check)
