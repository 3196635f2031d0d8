"""The pictures that a run gets while it is trained and at its end."""

from __future__ import annotations

from lunette.compute.labels import labels_for
from lunette.models import LatentModel
from lunette.runs import REPORT, Run, write
from lunette.training import End, Event, PictureTime
from lunette.uses.draw.latents import latents_model
from lunette.uses.draw.manifold import manifold_model
from lunette.uses.draw.reconstruct import reconstruct_model
from lunette.uses.draw.sample import sample_model
from lunette.uses.report.curves import curves
from lunette.uses.report.report import report

PICTURES = 64  # on the sheets of samples and of reconstructions


def illustrate(run: Run, model: LatentModel, event: Event) -> None:
    """Draw what `event` calls for: two sheets at picture time; at the end also curves, maps and the report."""
    if not isinstance(event, PictureTime | End):
        return
    model.eval()
    seed, test = run.settings.training.seed, run.dataset.test
    folder = run.pictures
    pairs = reconstruct_model(model, test.take(slice(PICTURES // 2)), seed)
    pairs.save(folder / f"reconstructions-{event.epoch:04d}.png")
    if model.prior is not None and (isinstance(event, End) or event.draws):
        sample_model(model, PICTURES, seed).save(folder / f"samples-{event.epoch:04d}.png")
    if isinstance(event, End):
        write(folder / "curves.png", curves(run))
        latents_model(model, test, labels_for(model, test, test.label_names)).save(folder / "latents.png")
        manifold_model(model, test).save(folder / "manifold.png")
        write(run.path / REPORT, report(run, model))
