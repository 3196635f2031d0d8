"""The model card of a run: what it is, what it was made from, how good it is, and what it is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import jinja2

from lunette.images import is_name
from lunette.numbers import figures, short
from lunette.recipes import describe, size, summary
from lunette.results.evaluation import Evaluation, Group
from lunette.runs import RunSettings, Trained
from lunette.uses.export.networks import rung_names
from lunette.uses.report.curves import terms, unit

CAPTIONS = {
    "reconstructions": "Test pictures, each with its reconstruction on its right.",
    "samples": "New pictures, decoded from codes that were drawn from the prior.",
}
PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def public(settings: RunSettings) -> RunSettings:
    """Return a run's settings with the name of its data in place of a path of this machine."""
    source = settings.source
    return dataclasses.replace(settings, source=source if is_name(source) else Path(source).name)


def model_card(trained: Trained, pictures: Sequence[str], difference: float) -> str:
    """Return MODEL_CARD.md of a checkpoint, whose links are to `pictures`.

    It is Markdown with the YAML header of the hubs. `difference` is the largest between torch and the ONNX files.
    """
    run, model = trained.run, trained.model
    settings = public(run.settings)
    rows, described = run.metrics(), describe(trained.recipe)
    template = resources.files("lunette.uses.export").joinpath("MODEL_CARD.md.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return environment.from_string(template).render(
        settings=settings,
        summary=summary(settings.recipe),
        parameters=size(model),
        checkpoint=trained.name,
        checkpoint_sha256=trained.sha256,
        position=trained.state["position"],
        seconds=run.training_seconds(),
        test=test_numbers(rows, trained),
        groups=groups(trained),
        pictures={name: CAPTIONS[name] for name in pictures},
        latent=dict(zip(rung_names(len(trained.rungs)), trained.rungs, strict=True)),
        labels=model.labels,
        mends=model.corrupt is not None,
        standard=model.prior is not None and model.prior.is_standard,
        has_prior=model.prior is not None,
        density=described.density.why_not,
        sampling=described.sampling.why_not,
        difference=difference,
        checked_on="noise" if run.missing_data else "test pictures",
        figures=figures,
        short=short,
        versions={**settings.versions, **{package: metadata.version(package) for package in PACKAGES}},
    )


def test_numbers(rows: list[dict[str, Any]], trained: Trained) -> dict[str, tuple[float, str]]:
    """Return value and unit of each term on the test pictures, where they were measured of this checkpoint."""
    found = [row for row in rows if row["split"] == "test" and row["step"] == trained.state["position"]["step"]]
    return {name: (found[-1][name], unit(rows, name)) for name in terms(found)} if found else {}


def groups(trained: Trained) -> Mapping[str, Group]:
    """Return what lunette evaluate measured of this checkpoint."""
    evaluation = Evaluation.load(trained.run.path)
    same = evaluation and evaluation.checkpoint_sha256 == trained.sha256
    return evaluation.groups if evaluation and same else {}
