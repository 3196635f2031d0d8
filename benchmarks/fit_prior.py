"""How much nearer to real pictures samples come when a density is fitted to the codes: Fréchet distances on MNIST.

    LUNETTE_DATA=… python benchmarks/fit_prior.py [quick]

A run of `vae --preset fast`, all 60,000 training pictures, and every kind of `lunette fit-prior` with its defaults.
The distance is between normals with the moments of features (Heusel et al., NeurIPS 2017) of 10,000 pictures and of
the 10,000 test pictures. The features are ours, because Inception's are of photographs: those of `lunette evaluate`,
of a small classifier of the training pictures. Two bounds stand beside: training pictures, and the decoded posterior
samples of training pictures, which is what samples of a perfect density of the codes would give.
With `quick` everything is cut short, to see that it runs, and nothing is written. Else it prints a table and writes
fit_prior.json.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import lunette
from lunette.compute.coding import decode
from lunette.densities import KINDS
from lunette.images import load
from lunette.measures.classifier import classifier_of
from lunette.measures.distances import frechet_distance
from lunette.runs import Run
from lunette.uses.fit_prior import codes, fit_prior
from report import write_results

PICTURES = 10_000
QUICK_PICTURES, QUICK_STEPS = 2_000, 100


def aggregate(run: Run, n: int) -> NDArray[np.float32]:
    """Return decoded posterior samples of n training pictures."""
    model = run.model()
    z, rungs = codes(model, run.dataset.train.take(slice(n)), 1, 0)
    return decode(model, z[0].split(rungs, dim=1))


def main(quick: bool) -> None:
    n = QUICK_PICTURES if quick else PICTURES
    data = load("mnist")
    train, test = (part.take(slice(n)) if quick else part for part in (data.train, data.test))
    classifier = classifier_of(data)
    print(f"the classifier names {classifier.accuracy:.2%} of the test pictures", flush=True)
    goal = classifier.features(test.pixels)
    rows: list[dict[str, object]] = []

    def row(what: str, x: Tensor, fitted: lunette.runs.FittedPrior | None = None) -> None:
        held_out = {} if fitted is None else fitted.held_out
        rows.append(
            {
                "pictures": what,
                "Fréchet distance": round(frechet_distance(classifier.features(x), goal), 2),
                "seconds to fit": "" if fitted is None else fitted.seconds,
                "on held-out codes": ", ".join(f"{k.replace('_', ' ')} {v:.2f}" for k, v in held_out.items()),
            }
        )
        print(rows[-1], flush=True)

    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {"epochs": 1} if quick else {"validation": 0.0}
        run = lunette.train("vae", "mnist", out=Path(folder) / "run", preset="fast", pictures=0, **settings)
        row("training pictures (the floor)", train.pixels[:n])
        row("decoded posterior samples of training pictures", torch.from_numpy(aggregate(run, n)))
        row("samples of the model's own prior", torch.from_numpy(np.asarray(lunette.sample(run, n))))
        for kind in KINDS:
            short: dict[str, Any] = {"steps": QUICK_STEPS} if quick and kind not in ("gaussian", "mixture") else {}
            fitted = fit_prior(run, kind, all_pictures=True, **short)
            row(
                f"samples of the {kind} prior", torch.from_numpy(np.asarray(lunette.sample(run, n, prior=kind))), fitted
            )
    if not quick:
        write_results("fit_prior", rows)


if __name__ == "__main__":
    main(sys.argv[1:] == ["quick"])
