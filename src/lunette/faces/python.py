"""The verbs of Python that show something while they run."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lunette.faces.progress import ProgressBar, WorkBar
from lunette.images import Data, DataSettings, Mask
from lunette.progress import Watch as Work
from lunette.progress import unwatched
from lunette.runs import Concept, FittedPrior, Run
from lunette.uses import anomalies as judging
from lunette.uses import concepts
from lunette.uses import denoise as denoising
from lunette.uses import edit as editing
from lunette.uses import export as exporting
from lunette.uses import fit_prior as fitting
from lunette.uses import inpaint as inpainting
from lunette.uses import pack as packing
from lunette.uses import train as training
from lunette.uses.anomalies import Anomalies
from lunette.uses.denoise import Mended
from lunette.uses.evaluation import Evaluation
from lunette.uses.inpaint import Inpainted
from lunette.uses.passes import AnyRun
from lunette.uses.strip import Strip
from lunette.uses.study import Study
from lunette.uses.train import Watch


def train(
    recipe: str = "vae",
    data: Data = "digits",
    *,
    out: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> Run:
    """Train `recipe` on `data`, with a progress bar, and return the run; see `lunette.uses.train.train`."""
    with bar(progress) as watch:
        return training.train(recipe, data, out=out, watch=watch, **settings)


def resume(run: Run | str | Path, *, progress: bool = True, **settings: Any) -> Run:
    """Go on with an interrupted run, with a progress bar; see `lunette.uses.train.resume`."""
    with bar(progress) as watch:
        return training.resume(run, watch=watch, **settings)


def fit_prior(
    run: Run | str | Path, kind: str = "flow-matching", *, progress: bool = True, **settings: Any
) -> FittedPrior:
    """Fit a density to the codes of a run, with a progress bar; see `lunette.uses.fit_prior.fit_prior`."""
    with work_bar(progress) as watch:
        return fitting.fit_prior(run, kind, watch=watch, **settings)


def tune(recipe: str = "vae", data: Data = "digits", *, progress: bool = True, **settings: Any) -> Study:
    """Search for the best settings of a recipe, with a progress bar; see `lunette.uses.tune.tune`."""
    from lunette.uses.tune import tune as search  # here, because it needs Optuna

    with work_bar(progress) as watch:
        return search(recipe, data, watch=watch, **settings)


def anomalies(
    run: Run | str | Path, images: Data | None = None, *, progress: bool = True, **settings: Any
) -> Anomalies:
    """Say how strange pictures are to a run, with a progress bar; see `lunette.uses.anomalies.anomalies`."""
    with work_bar(progress) as watch:
        return judging.anomalies(run, images, watch=watch, **settings)


def evaluate(
    run: Run | str | Path, groups: Sequence[str] | None = None, *, progress: bool = True, **settings: Any
) -> Evaluation:
    """Measure a run, with a progress bar; see `lunette.uses.evaluate.evaluate`."""
    from lunette.uses.evaluate import evaluate as measure  # here, because training need not wait for it

    with work_bar(progress) as watch:
        return measure(run, groups, watch=watch, **settings)


def edit(run: AnyRun, images: Data | None = None, *, progress: bool = True, **settings: Any) -> Strip:
    """Move the codes of pictures along a concept or a dimension, with a progress bar; see `lunette.uses.edit.edit`."""
    with work_bar(progress) as watch:
        return editing.edit(run, images, watch=watch, **settings)


def add_concept(run: AnyRun, name: str, *, progress: bool = True, **settings: Any) -> Concept:
    """Find a concept and keep it in a run, with a progress bar; see `lunette.uses.concepts.add_concept`."""
    with work_bar(progress) as watch:
        return concepts.add_concept(run, name, watch=watch, **settings)


def denoise(run: Run | str | Path, images: Data | None = None, *, progress: bool = True, **settings: Any) -> Mended:
    """Mend damaged pictures, with a progress bar; see `lunette.uses.denoise.denoise`."""
    with work_bar(progress) as watch:
        return denoising.denoise(run, images, watch=watch, **settings)


def inpaint(
    run: Run | str | Path, images: Data | None = None, *, mask: Mask, progress: bool = True, **settings: Any
) -> Inpainted:
    """Fill in the missing pixels of pictures, with a progress bar; see `lunette.uses.inpaint.inpaint`."""
    with work_bar(progress) as watch:
        return inpainting.inpaint(run, images, mask=mask, watch=watch, **settings)


def export(run: Run | str | Path, out: str | Path, *, checkpoint: str = "last", progress: bool = True) -> Path:
    """Write a run as ONNX with a model card, or as one .zip, with a progress bar; see `lunette.uses.export.export`."""
    with work_bar(progress) as watch:
        return exporting.export(run, out, checkpoint=checkpoint, watch=watch)


def unpack(file: str | Path, out: str | Path | None = None, *, progress: bool = True) -> Run:
    """Open a run that `export` packed as one .zip, with a progress bar; see `lunette.uses.export.unpack`."""
    with work_bar(progress) as watch:
        return exporting.unpack(file, out, watch=watch)


def bar(progress: bool) -> contextlib.AbstractContextManager[Watch | None]:
    """Return a progress bar, or nothing."""
    return ProgressBar() if progress else contextlib.nullcontext()


def work_bar(progress: bool) -> contextlib.AbstractContextManager[Work]:
    """Return a bar for each part of long work, or nothing."""
    return WorkBar() if progress else contextlib.nullcontext(unwatched)


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
    with work_bar(progress) as watch:
        return packing.pack(source, out, DataSettings(**settings), encoded, watch, processes)
