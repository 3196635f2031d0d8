"""How near new pictures of several models are to real ones, and what that costs: MNIST, in one table.

    LUNETTE_DATA=… python benchmarks/generation.py [quick | NAME…]    # all, or those; what was measured stays

Each model is trained on the 60,000 training pictures and, where its row says so, a density is fitted to its codes; the
seconds are of both. `lunette evaluate` then compares 10,000 samples with the 10,000 test pictures, in the features of a
classifier of the digits; the floor is of training pictures in place of samples, and the distance of decoded codes is
what a perfect prior would reach. −ELBO, in nats, is given where it is of a likelihood (of black and white pictures).
A row is written to generation.json when it is there. With `quick` everything is cut short, to see that it runs, and
nothing is written.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lunette
from lunette.recipes import describe
from lunette.runs import Run
from report import write_results

HOW = {"preset": "fast", "validation": 0.0, "pictures": 0}
QUICK_HOW, QUICK_PICTURES, QUICK_STEPS = {"epochs": 1, "size": "8"}, 500, 50
DISTANCE, PIXELS, FEATURES = "Fréchet distance", "two-sample accuracy, pixels", "two-sample accuracy, features"
FLOORED = (DISTANCE, PIXELS, FEATURES, "coverage")  # the floor stands beside
MEASURED = {name: name for name in FLOORED} | {  # of evaluate, by the heading of the column
    "of decoded codes": "Fréchet distance of decoded training codes",
    "copies": "copies",
}
RESULTS = Path(__file__).parent / "results" / "generation.json"


@dataclass(frozen=True)
class Row:
    """What is trained, and the kind of prior that is fitted to its codes."""

    recipe: str
    settings: dict[str, Any] = field(default_factory=dict)
    prior: str | None = None
    density: dict[str, Any] = field(default_factory=dict)  # the prior's own arguments


BLACK_AND_WHITE = {"binarize": "dynamic"}
ROWS = {
    "vae": Row("vae", BLACK_AND_WHITE),
    # β below 1: its own prior would draw worse, but codes keep more of each picture for the fitted one to learn.
    "vae, flow-matching prior": Row("vae", {"beta": 0.3, "latent": 32}, "flow-matching", {"width": 512, "steps": 8000}),
    "rae, mixture": Row("rae", {}, "mixture"),
    "ladder": Row("ladder", BLACK_AND_WHITE),
    "vq_vae, its prior": Row(
        "vq_vae", {"learning_rate": 2e-3, "network": "conv:32/2,64/2", "epochs": 6, "prior_epochs": 6}
    ),
}


def trained(row: Row, out: Path, quick: bool) -> tuple[Run, float]:
    """Train what a row says; return the run and the seconds that this took."""
    began = time.perf_counter()
    short = QUICK_HOW | ({"prior_epochs": 1} if row.recipe == "vq_vae" else {}) if quick else {}
    run = lunette.train(row.recipe, "mnist", out=out, progress=False, **HOW | row.settings | short)
    if row.prior:
        steps = {"steps": QUICK_STEPS} if quick and row.density else {}
        lunette.fit_prior(run, row.prior, all_pictures=True, progress=False, **row.density | steps)
    return run, time.perf_counter() - began


def measured(name: str, quick: bool) -> dict[str, object]:
    """Train and measure one row of the table."""
    row = ROWS[name]
    with tempfile.TemporaryDirectory() as folder:
        run, seconds = trained(row, Path(folder) / "run", quick)
        pictures = QUICK_PICTURES if quick else None
        found = lunette.evaluate(run, ("samples",), pictures=pictures, prior=row.prior, progress=False)
        test = run.metrics()[-1]
        likely = bool(describe(run.recipe()).density)
    cells: dict[str, object] = {"model": name}
    for heading, title in MEASURED.items():
        number = found.groups["samples"].numbers[title]
        cells[heading] = round(number.value, 3)
        if heading in FLOORED and number.floor is not None:
            cells[f"floor of {heading}"] = round(number.floor, 3)
    cells["−ELBO"] = round(test["distortion"] + test["rate"], 2) if likely else ""
    return cells | {"seconds of training": round(seconds)}


def main(names: list[str]) -> None:
    quick = names == ["quick"]
    rows = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() and not quick else []
    for name in ROWS if quick or not names else names:
        if not any(row["model"] == name for row in rows):
            rows.append(measured(name, quick))
            print(rows[-1], flush=True)
            if not quick:
                write_results("generation", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
