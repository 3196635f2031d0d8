"""What is read back from a run, a pack and a ZIP, and by which verbs."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import lunette
from lunette.images import load
from lunette.results.evaluation import Evaluation
from lunette.runs import REPORT, Run, write
from lunette.uses.compare import compare
from lunette.uses.export import unpack
from lunette.uses.report.curves import curves
from lunette.uses.report.report import report
from lunette.uses.train import resume

DIGITS = 74
SETTINGS: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 16,
    "pictures": 0,
    "precision": "fp32",
    "latent": 3,
    "network": "mlp:16",
}
Verb = Callable[[Path], object]


def picture(run: Path, **how: Any) -> object:
    """Return what `sample` draws."""
    return np.asarray(lunette.sample(run, 4, **how))


def resumed(run: Path) -> object:
    """Return the weights that a run goes on to."""
    return resume(run, epochs=SETTINGS["epochs"] + 1).checkpoints.load().sha256


def unpacked(file: Path) -> object:
    """Return what is drawn of a run that was packed."""
    out = file.with_name("unpacked")
    try:
        return picture(unpack(file, out).path)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def packed(folder: Path) -> object:
    """Return all that is known of the pictures of a pack."""
    images = load(folder).train
    assert images.labels is not None
    return images.pixels[:].numpy().tobytes(), images.labels.tolist(), images.label_names


def settings(run: Path) -> object:
    """Return run.toml's content, but for the places that may be changed by hand."""
    found = Run(run).settings
    return repr(dataclasses.replace(found, source="", training=dataclasses.replace(found.training, device="")))


WEIGHTS: Mapping[str, Verb] = {
    "sample": picture,
    "reconstruct": lambda run: np.asarray(lunette.reconstruct(run, n=4, checkpoint="best")),
}
PRIORS: Mapping[str, Verb] = {
    "the newest prior": lambda run: Run(run).priors.load().kind,
    "the gaussian prior": lambda run: picture(run, prior="gaussian"),
    "the prior that knows labels": lambda run: picture(run, prior="flow-matching", label="3"),
}
CONCEPTS: Mapping[str, Verb] = {
    "concept list": lambda run: repr(lunette.concepts(run)),
    "edit": lambda run: lunette.edit(run, concept="lean", n=2, effects=False, progress=False).images,
}
EVALUATION: Mapping[str, Verb] = {"evaluation": lambda run: repr(Evaluation.load(run))}
METRICS: Mapping[str, Verb] = {
    "metrics": lambda run: [len(Run(run).metrics()), Run(run).training_seconds()][:0],
    "is finished": lambda run: [Run(run).is_finished][:0],
}
PAGES: Mapping[str, Verb] = {
    "curves": lambda run: [curves(Run(run))][:0],
    "report": lambda run: [report(Run(run), Run(run).model())][:0],
    "compare": lambda run: [compare([run, run.with_name("other")]).page()][:0],
}
RUN: Mapping[str, Verb] = {"settings": settings, **WEIGHTS, **PRIORS, **CONCEPTS, **EVALUATION, **METRICS}
GOING_ON: Mapping[str, Verb] = {"resume": resumed}
CHECKPOINT = "run/checkpoints/*/"
FILES: Mapping[str, Mapping[str, Verb]] = {
    "run/run.toml": RUN,
    "run/metrics.jsonl": METRICS,
    "run/last": WEIGHTS,
    "run/best": WEIGHTS,
    f"{CHECKPOINT}manifest.json": WEIGHTS,
    f"{CHECKPOINT}state.json": WEIGHTS,
    f"{CHECKPOINT}model.safetensors": WEIGHTS,
    f"{CHECKPOINT}optimizer.safetensors": WEIGHTS,
    "run/priors/*.toml": PRIORS,
    "run/priors/*.safetensors": PRIORS,
    "run/concepts/*.toml": CONCEPTS,
    "run/concepts/*.safetensors": CONCEPTS,
    "run/evaluation.json": EVALUATION,
    "pack/pack.json": {"load": packed},
    "pack/*.npy": {"load": packed},
    "packed.zip": {"unpack": unpacked},
}
PAGED = ("run/metrics.jsonl", "run/evaluation.json")
GONE_ON = ("run/run.toml", "run/metrics.jsonl", "run/last", "run/best", CHECKPOINT)


def make(place: Path) -> None:
    """Make a run, another one, a pack and a ZIP in `place`."""
    data, digits = place / "digits.npz", load("digits").train
    assert digits.labels is not None
    np.savez(data, images=digits.pixels[:DIGITS].numpy(), labels=digits.labels[:DIGITS].numpy())
    for name in ("run", "other"):
        run = lunette.train("vae", data, out=place / name, progress=False, **SETTINGS)
    lunette.fit_prior(place / "run", "flow-matching", steps=20, progress=False)
    lunette.fit_prior(place / "run", "gaussian", progress=False)
    lunette.add_concept(place / "run", "lean", measure="slant", progress=False)
    lunette.evaluate(place / "run", "reconstruction", progress=False)
    write(run.path / REPORT, "")
    for name in ("run", "other"):
        shutil.rmtree(place / name / "pictures")
    lunette.pack(data, place / "pack", progress=False)
    lunette.export(place / "run", place / "packed.zip", progress=False)
