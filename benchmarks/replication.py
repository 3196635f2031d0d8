"""Whether better models come out in the order that their papers report: dynamically binarized MNIST, equal budgets.

    LUNETTE_DATA=… python benchmarks/replication.py [EPOCHS [NAME…]]    # all, or those; what was measured is kept

Every model has the IWAE paper's sizes (hidden layers 200, 200 and 50 latent dimensions, with ReLU; the ladder's
hidden layers are its own), sees 55,000 training images 20 or 60 times in batches of 128, binarized anew each time,
with Adam on one cycle up to 2e-3. The ladder's warm-up was chosen among four by the bound on validation images;
nothing else was tuned. The bound is of every fifth test image, binarized once, with 1,000 draws, in nats: the same
2,000 images in all rows. After 20 epochs, rows that train in a few minutes have three seeds; after 60, all have one.
Learning curves (validation) are kept in replication_runs.json. The papers' models saw their images 30 times as often
or more.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import lunette
from report import write_results

SAMPLES, EVERY = 1000, 5
BUDGETS = (20, 60)  # epochs
HOW = {
    "batch_size": 128,
    "learning_rate": 2e-3,
    "schedule": "one-cycle",
    "pictures": 0,
    "binarize": "dynamic",
    "precision": "fp32",
}
FLAT = {"network": "mlp:200,200", "latent": 50}
LADDER = {"network": "mlp:512,256,128", "latent": 20, "rungs": 3}
VAE = "86.76 (Burda et al., ICLR 2016)"
# What is trained, with how many seeds for the smaller budget, and what its paper says.
MODELS: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "vae": ("vae", FLAT, 3, VAE),
    "vae, path derivative": ("vae", FLAT | {"rate_gradient": "path"}, 3, VAE),
    "flow posterior (planar, 8 steps)": ("planar_vae", FLAT | {"posterior": "planar:8"}, 3, ""),
    "flow posterior (autoregressive, 2 steps)": ("iaf_vae", FLAT | {"posterior": "iaf:2"}, 3, ""),
    "vamp, 500 images": ("vamp", FLAT | {"prior": "vamp:500"}, 3, ""),
    "iwae, K = 5": ("iwae", FLAT | {"samples": 5}, 3, "85.54 (Burda et al., ICLR 2016)"),
    "iwae, K = 50": ("iwae", FLAT | {"samples": 50}, 1, "84.78 (Burda et al., ICLR 2016)"),
    "ladder, 3 rungs": ("ladder", LADDER | {"rate_warmup": 10.0}, 3, "81.8 (Sønderby et al., NeurIPS 2016)"),
    "ladder, the top freed last": ("ladder", LADDER | {"rate_warmup": (10.0, 5.0, 0.0)}, 3, ""),
}
CURVES = Path(__file__).parent / "results" / "replication_runs.json"


def measured(name: str, seed: int, epochs: int) -> dict[str, Any]:
    """Train and measure one model."""
    recipe, arguments, _, _ = MODELS[name]
    with tempfile.TemporaryDirectory() as folder:
        settings = HOW | arguments | {"epochs": epochs, "seed": seed}
        run = lunette.train(recipe, "mnist", out=Path(folder) / "run", progress=False, **settings)
        bound = lunette.evidence(run, run.dataset.test.pixels[::EVERY].numpy(), samples=SAMPLES)
        validation = [row for row in run.metrics() if row["split"] == "validation"]
        return {
            "model": name,
            "seed": seed,
            "epochs": epochs,
            "bound": round(bound.mean, 3),
            "standard error": round(bound.standard_error, 3),
            "seconds": round(run.training_seconds()),
            "rates of rungs": [round(value, 2) for key, value in validation[-1].items() if key.startswith("rate_of")],
            "validation loss, each epoch": [round(row["loss"], 2) for row in validation],
        }


def table(runs: list[dict[str, Any]]) -> list[dict[str, object]]:
    """Return a row for each model and budget, of all its seeds."""
    rows: list[dict[str, object]] = []
    for epochs, (name, (_, _, _, paper)) in itertools.product(BUDGETS, MODELS.items()):
        of_it = [run for run in runs if (run["model"], run["epochs"]) == (name, epochs)]
        if of_it:
            bounds = [run["bound"] for run in of_it]
            rows.append(
                {
                    "epochs": epochs,
                    "model": name,
                    "importance bound": round(statistics.mean(bounds), 2),
                    "of each seed": " ".join(f"{bound:.2f}" for bound in bounds),
                    "rates of rungs, top first": " ".join(str(nats) for nats in of_it[0]["rates of rungs"]),
                    "± (over images)": round(statistics.mean(run["standard error"] for run in of_it), 2),
                    "seconds of training": round(statistics.median(run["seconds"] for run in of_it)),
                    "the paper's": paper,
                }
            )
    return rows


def main(budgets: Sequence[int], names: Collection[str]) -> None:
    runs = json.loads(CURVES.read_text()) if CURVES.exists() else []
    for epochs, seed, name in itertools.product(budgets, range(3), names):
        seeds = MODELS[name][2] if epochs == min(BUDGETS) else 1
        done = any((run["model"], run["seed"], run["epochs"]) == (name, seed, epochs) for run in runs)
        if seed < seeds and not done:
            began = time.perf_counter()
            runs.append(measured(name, seed, epochs))
            took = time.perf_counter() - began
            print(f"{name}, {epochs} epochs, seed {seed}: {runs[-1]['bound']} after {took:.0f} s", flush=True)
            CURVES.write_text(json.dumps(runs, indent=1) + "\n")
            write_results("replication", table(runs))


if __name__ == "__main__":
    main([int(epochs) for epochs in sys.argv[1:2]] or BUDGETS, sys.argv[2:] or MODELS)
