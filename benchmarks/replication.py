"""Whether better models come out in the order that their papers report: dynamically binarized MNIST, equal budgets.

    LUNETTE_DATA=… python benchmarks/replication.py [NAME…]    # all, or those; what was measured is not done again

Every model has the IWAE paper's sizes (hidden layers 200, 200 and 50 latent dimensions, with ReLU; the ladder's
hidden layers are its own), sees 55,000 training pictures 20 times in batches of 128, binarized anew each time, with
Adam on one cycle up to 2e-3. Nothing was tuned, on no split; the ladder lets its rate in over 5 epochs, as its paper
does over 200. The bound is of the 10,000 test pictures with 1,000 draws each, in nats. Learning curves (validation)
are kept in replication.json. The papers' numbers are of a hundred times as many epochs.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import lunette
from report import write_results

SAMPLES = 1000
HOW = {
    "epochs": 20,
    "batch_size": 128,
    "learning_rate": 2e-3,
    "schedule": "one-cycle",
    "pictures": 0,
    "binarize": "dynamic",
}
FLAT = {"network": "mlp:200,200", "latent": 50}
VAE = "86.76 (Burda et al., ICLR 2016)"
# What is trained, and what its paper says.
MODELS: dict[str, tuple[str, dict[str, Any], str]] = {
    "vae": ("vae", FLAT, VAE),
    "iwae, K = 5": ("iwae", FLAT | {"samples": 5}, "85.54 (Burda et al., ICLR 2016)"),
    "flow posterior (planar, 8 steps)": ("planar_vae", FLAT | {"posterior": "planar:8"}, ""),
    "flow posterior (autoregressive, 2 steps)": ("iaf_vae", FLAT | {"posterior": "iaf:2"}, ""),
    "vamp, 500 pictures": ("vamp", FLAT | {"prior": "vamp:500"}, ""),
    "ladder, 3 rungs": (
        "ladder",
        {"network": "mlp:512,256,128", "latent": 20, "rungs": 3, "rate_warmup": 5.0},
        "81.8 (Sønderby et al., NeurIPS 2016)",
    ),
    "iwae, K = 50": ("iwae", FLAT | {"samples": 50}, "84.78 (Burda et al., ICLR 2016)"),
}
RESULTS = Path(__file__).parent / "results" / "replication.json"


def measured(name: str) -> dict[str, object]:
    """Train and measure one model."""
    recipe, arguments, paper = MODELS[name]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        run = lunette.train(recipe, "mnist", out=Path(folder) / "run", progress=False, **HOW, **arguments)
        seconds = time.perf_counter() - began
        bound = lunette.evidence(run, samples=SAMPLES)
        curve = [round(row["loss"], 2) for row in run.metrics() if row["split"] == "validation"]
    return {
        "model": name,
        "importance bound": round(bound.mean, 2),
        "± (over pictures)": round(bound.standard_error, 2),
        "seconds of training": round(seconds),
        "the paper's": paper,
        "validation loss, each epoch": curve,
    }


def main(names: list[str]) -> None:
    rows = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    for name in names or MODELS:
        if not any(row["model"] == name for row in rows):
            rows.append(measured(name))
            write_results("replication", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
