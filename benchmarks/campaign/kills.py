"""Trainings that are killed end as if nothing had happened: SIGKILL at any moment, over every recipe.

Each recipe, with a network and an optimiser that change from one to the next (and with the seed), and some settings
beside, trains on a few small digits to the end: the reference. Then each trial kills such a training, goes on with it
to the end, now and then after a second kill, and compares rows of metrics (without seconds) and the SHA-256 of the last
weights and of the optimiser's tensors with the reference's. Half of the kills come after a time drawn uniformly from
the reference's, half within saving: before, in the middle of (a write's bytes) or after a call that changes the disk,
drawn from all that the reference made. A kill before the run folder is there means to begin anew, which is counted.
Kills are of processes: what a power cut takes from the disk's own memory is not tried. The maps and the report of a
run's end, which take ten times as long as these trainings, are not drawn. Writes kills.json, a row a kind.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from campaign import LOST, OUTCOMES, RAW, RIGHT, WRONG
from campaign.children import REFUSED, Calls, end_of, forked
from lunette import files
from lunette.images import load
from lunette.models import LatentModel
from lunette.recipes import RECIPES, arguments
from lunette.runs import REPORT, Run
from lunette.training import End, Event
from lunette.training.settings import OptimizerName
from lunette.uses import train as training
from lunette.uses.report.illustrate import illustrate
from report import write_results

DIGITS = 74  # of which 60 are trained on: four steps an epoch, the last one smaller
SETTINGS = {"epochs": 3, "batch_size": 16, "pictures": 0, "precision": "fp32"}
NETWORKS = ("mlp:16,12", "conv:4/2,6/2:12", "residual:4/2,6/2")
RATES = {"sgd": 1e-5}  # at which it does not diverge
SMALL = {"latent": 3, "rungs": 2, "entries": 8, "positions": 4, "centroids": 20, "pretraining": 2, "prior_epochs": 2}
BESIDE: dict[str, dict[str, Any]] = {
    "cosine after a warm-up": {"schedule": "cosine", "warmup": 1.1},
    "one cycle, clipped": {"schedule": "one-cycle", "clip": 1.0},
    "accumulate, dynamic pixels": {"accumulate": 3, "binarize": "dynamic"},
    "patience": {"patience": 2, "epochs": 8, "learning_rate": 0.1},
    "pictures": {"pictures": 1},
}
AGAIN = 1 / 3  # of the trials are killed a second time
MOMENTS = ("before", "in the middle", "after")
RANDOM, SAVING = "killed at random moments", "killed within saving"
LEFT = "half-written files left"
COLUMNS = ("trials", RANDOM, SAVING, "begun anew", *OUTCOMES[:-1], LEFT)


def kinds(seed: int) -> dict[str, dict[str, Any]]:
    """Return the settings of each kind: all recipes, each with another network and optimiser, and those beside."""
    found: dict[str, dict[str, Any]] = {}
    optimizers = get_args(OptimizerName)
    for i, recipe in enumerate(sorted(RECIPES), seed):
        network = NETWORKS[0 if recipe == "stacked" else i % len(NETWORKS)]
        optimizer = optimizers[i % len(optimizers)]
        rate = {"optimizer": optimizer, "learning_rate": RATES.get(optimizer, 1e-3)}
        name = f"{recipe}, {network.partition(':')[0]}, {optimizer}"
        found[name] = {"recipe": recipe, "network": network, **small(recipe), **rate, **SETTINGS}
    conv: dict[str, Any] = {"recipe": "vae", "network": NETWORKS[1], **small("vae"), **SETTINGS}
    return found | {f"vae, conv, {name}": conv | settings for name, settings in BESIDE.items()}


def small(recipe: str) -> dict[str, Any]:
    """Return those of the small sizes that a recipe has."""
    return {argument.name: SMALL[argument.name] for argument in arguments(recipe) if argument.name in SMALL}


@dataclass(frozen=True)
class Reference:
    """How a kind ends that is never killed, how long it takes, and in how many calls that change the disk."""

    settings: Mapping[str, Any]
    ending: object
    seconds: float
    calls: int


def go_on(data: Path, out: Path, settings: Mapping[str, Any]) -> None:
    """Train to the end from wherever `out` is: nothing, a run that was stopped, or a finished one; in a child."""
    training.illustrate = without_maps  # type: ignore[attr-defined]
    if not (out / "run.toml").is_file():
        training.train(data=data, out=out, **settings)
    elif not Run(out).is_finished:
        training.resume(out)


def ending(out: Path) -> object:
    """Return the rows of a run without their seconds, and the SHA-256 of its last weights and moments."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    last = out / "checkpoints" / (out / "last").read_text()
    tensors = [(last / f"{what}.safetensors").read_bytes() for what in ("model", "optimizer")]
    return [row | {"seconds": 0} for row in rows], [hashlib.sha256(data).hexdigest() for data in tensors]


def reference_of(settings: Mapping[str, Any], data: Path, folder: Path) -> Reference:
    """Train a kind to the end; raises RuntimeError where it cannot be."""
    out, counts, log = folder / "run", folder / "calls", folder / "log"

    def work() -> None:
        calls = Calls()
        go_on(data, out, settings)
        counts.write_text(str(calls.count))

    began = time.perf_counter()
    if end_of(forked(work, log)):
        raise RuntimeError(log.read_text())
    return Reference(settings, ending(out), time.perf_counter() - began, int(counts.read_text()))


def killed(reference: Reference, data: Path, folder: Path, how: str, chance: random.Random) -> int:
    """Train in `folder`, from wherever it is, and kill that; return how it ended."""
    deadly, moment = 0, ""
    if how == SAVING:
        deadly, moment = chance.randint(1, reference.calls), chance.choice(MOMENTS)

    def work() -> None:
        Calls(deadly, moment)
        go_on(data, folder / "run", reference.settings)

    child = forked(work, folder / "log")
    if how == RANDOM:
        time.sleep(chance.uniform(0, reference.seconds))
        os.kill(child, signal.SIGKILL)
    return end_of(child)


def trial(reference: Reference, data: Path, folder: Path, chance: random.Random) -> Iterator[str]:
    """Yield what happens in a trial, in the words of COLUMNS."""
    out, log = folder / "run", folder / "log"
    yield "trials"
    for _ in range(1 + (chance.random() < AGAIN)):
        how = chance.choice((RANDOM, SAVING))
        if (code := killed(reference, data, folder, how, chance)) == -signal.SIGKILL:
            yield how
        elif code:
            break  # and the next one tells it
        if not (out / "run.toml").is_file():
            yield "begun anew"
    code = end_of(forked(lambda: go_on(data, out, reference.settings), log))
    if code:
        print(log.read_text(), flush=True)
        yield LOST if code == REFUSED else RAW
    else:
        yield RIGHT if ending(out) == reference.ending else WRONG
    yield from (LEFT for _ in folder.rglob(".*.partial"))


def without_maps(run: Run, model: LatentModel, event: Event, draw: Any = illustrate) -> None:
    """Draw what an event calls for, but at the end of training only say that it is there."""
    if isinstance(event, End):
        files.write(run.path / REPORT, "")
    else:
        draw(run, model, event)


def campaign(trials: int, seed: int) -> Counter[str]:
    """Hit every kind in turn; return how often what happened."""
    torch.set_num_threads(1)  # a fork takes no other threads with it
    chance = random.Random(seed)
    counts: dict[str, Counter[str]] = {}
    references: dict[str, Reference] = {}
    with tempfile.TemporaryDirectory() as name:
        data, every = few_digits(Path(name)), list(kinds(seed).items())
        for i in range(trials):
            kind, settings = every[i % len(every)]
            if kind not in references:
                folder = Path(tempfile.mkdtemp(dir=name))
                references[kind], counts[kind] = reference_of(settings, data, folder), Counter()
            with tempfile.TemporaryDirectory(dir=name) as place:
                found = Counter(trial(references[kind], data, Path(place), chance))
            print(f"{i + 1}/{trials} {kind}: {', '.join(found)}", flush=True)
            counts[kind] += found
    total = sum(counts.values(), Counter[str]())
    rows = [{"kind": kind, **{c: count[c] for c in COLUMNS}} for kind, count in (counts | {"all": total}).items()]
    write_results("kills", rows)
    return total


def few_digits(folder: Path) -> Path:
    """Write the digits that are trained on; return where."""
    data, digits = folder / "digits.npz", load("digits").train
    assert digits.labels is not None
    np.savez(data, images=digits.pixels[:DIGITS].numpy(), labels=digits.labels[:DIGITS].numpy())
    return data
