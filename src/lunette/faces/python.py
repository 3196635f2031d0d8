"""The verbs of Python that show something while they run."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from lunette.faces.progress import ProgressBar
from lunette.images import Data
from lunette.runs import Run
from lunette.uses import train as training
from lunette.uses.train import Watch


def train(
    recipe: str = "vae",
    data: Data = "digits",
    *,
    out: str | Path | None = None,
    progress: bool = True,
    processes: int | None = None,
    max_restarts: int = 0,
    **settings: Any,
) -> Run:
    """Train `recipe` on `data`, with a progress bar, and return the run; see `lunette.uses.train.train`."""
    with bar(progress) as watch:
        return training.train(
            recipe, data, out=out, watch=watch, processes=processes, max_restarts=max_restarts, **settings
        )


def resume(
    run: Run | str | Path,
    *,
    epochs: int | None = None,
    progress: bool = True,
    processes: int | None = None,
    max_restarts: int = 0,
) -> Run:
    """Go on with an interrupted run, with a progress bar; see `lunette.uses.train.resume`."""
    with bar(progress) as watch:
        return training.resume(run, epochs=epochs, watch=watch, processes=processes, max_restarts=max_restarts)


def bar(progress: bool) -> contextlib.AbstractContextManager[Watch | None]:
    """Return a progress bar, or nothing."""
    return ProgressBar() if progress else contextlib.nullcontext()
