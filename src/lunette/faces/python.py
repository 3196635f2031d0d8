"""The verbs of Python that show something while they run."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lunette.faces.progress import ProgressBar, WorkBar
from lunette.images import Data, DataSettings
from lunette.progress import unwatched
from lunette.uses import anomalies as judging
from lunette.uses import concepts
from lunette.uses import denoise as denoising
from lunette.uses import edit as editing
from lunette.uses import evaluate as measuring
from lunette.uses import evidence as bounding
from lunette.uses import export as exporting
from lunette.uses import fit_prior as fitting
from lunette.uses import inpaint as inpainting
from lunette.uses import pack as packing
from lunette.uses import train as training
from lunette.uses.study import Study

Result = TypeVar("Result")


def watched(
    use: Callable[..., Result],
    bar: Callable[[], contextlib.AbstractContextManager[Any]] = WorkBar,
    silent: Any = unwatched,
) -> Callable[..., Result]:
    """Return `use` with a bar for its watch, or the `silent` one where `progress` is False."""

    @functools.wraps(use)
    def shown(*args: Any, progress: bool = True, **settings: Any) -> Result:
        with bar() if progress else contextlib.nullcontext(silent) as watch:
            return use(*args, watch=watch, **settings)

    return shown


train = watched(training.train, ProgressBar, None)
resume = watched(training.resume, ProgressBar, None)
fit_prior = watched(fitting.fit_prior)
evaluate = watched(measuring.evaluate)
evidence = watched(bounding.evidence)
anomalies = watched(judging.anomalies)
edit = watched(editing.edit)
add_concept = watched(concepts.add_concept)
denoise = watched(denoising.denoise)
inpaint = watched(inpainting.inpaint)
export = watched(exporting.export)
unpack = watched(exporting.unpack)


def tune(recipe: str = "vae", data: Data = "digits", **settings: Any) -> Study:
    """Search for the best settings of a recipe, with a progress bar; see `lunette.uses.tune.tune`."""
    from lunette.uses.tune import tune as search  # here, because it needs Optuna

    return watched(search)(recipe, data, **settings)


def pack(
    source: Data,
    out: str | Path,
    *,
    encoded: bool = False,
    processes: int | None = None,
    progress: bool = True,
    **settings: Any,
) -> dict[str, object]:
    """Write `source` to the pack `out`, with a progress bar, and return facts about it; see `lunette.uses.pack`.

    `settings` are the fields of DataSettings.
    """
    loading = DataSettings(**settings)
    return watched(packing.pack)(source, out, loading, encoded, processes=processes, progress=progress)
