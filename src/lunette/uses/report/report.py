"""A run's report: one HTML page that needs nothing beside itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lunette.models import LatentModel
from lunette.recipes import size, summary
from lunette.results.evaluation import Evaluation
from lunette.results.page import render
from lunette.results.result import address
from lunette.runs import Run
from lunette.uses.report.curves import terms, unit

CAPTIONS = {
    "reconstructions": ("Reconstructions", "Test pictures, each with its reconstruction on its right."),
    "samples": ("Samples", "New pictures, decoded from codes that were drawn from the prior."),
    "curves": ("Learning curves", "The loss, and its terms without their weights; lower is better for the loss."),
    "manifold": ("Map of the latent space", "Pictures decoded on a grid of the two main directions of the codes."),
    "latents": ("Codes of the test pictures", "Each dot is a picture; its color is its label."),
}
PLOTS = ("curves", "latents", "Rate by dimension", "Information")  # whose colours a dark page turns; no photographs
MENDED = "Test pictures: damaged, restored by the model, and as they were."


def report(run: Run, model: LatentModel) -> str:
    """Return the HTML page of a finished run: what was trained, its numbers, curves and pictures."""
    rows = run.metrics()
    epoch, training = rows[-1]["epoch"], run.settings.training
    last = {row["split"]: row for row in rows if "stage" not in row and row["epoch"] == epoch}
    best = f"the weights are those of the best validation loss, after epoch {epoch}"
    ended = f"all {epoch} epochs are done" if epoch >= training.epochs else best
    return render(
        "uses/report/report.html.j2",
        run=run,
        settings=run.settings,
        source=Path(run.settings.source).name,
        summary=summary(run.settings.recipe),
        parameters=size(model),
        reason=ended,
        epoch=epoch,
        terms=terms(rows),
        units={name: unit(rows, name) for name in terms(rows)},
        splits=[last[split] for split in ("train", "validation", "test") if split in last],
        seconds=run.training_seconds(),
        pictures=pictures(run, epoch, model.corrupt is not None),
        evaluation=Evaluation.load(run.path),
        plots=PLOTS,
    )


def pictures(run: Run, epoch: int, mends: bool) -> list[dict[str, Any]]:
    """Return title, caption and data address of each picture of a run, whose model may be one that mends damage."""
    found = []
    for name, (title, caption) in CAPTIONS.items():
        paths = run.pictures / f"{name}-{epoch:04d}.png", run.pictures / f"{name}.png"
        path = next((path for path in paths if path.is_file()), None)
        if path:
            mended = name == "reconstructions" and mends
            found.append(
                {
                    "title": title,
                    "caption": MENDED if mended else caption,
                    "plot": name in PLOTS,
                    "wide": name == "curves" or mended,
                    "source": address(path.read_bytes()),
                }
            )
    return found
