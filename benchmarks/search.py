"""The search behind `--preset fast`: many short trainings, judged by the validation pictures alone.

    python benchmarks/search.py [FILE]    # appends a line of JSON a trial to FILE, and skips those that are there

The T1 network on MNIST, 55,000 training pictures, 5,000 validation pictures; no number of the test pictures is
looked at. The preset is what comes within 0.2 nats of 30 plain epochs' validation loss soonest, by the seconds that
an epoch takes with its batch size (epoch.py, on a quiet machine).
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from lunette.images import load
from lunette.randomness import reseed
from lunette.recipes import build
from lunette.training import EpochEnd, Training, TrainingSettings

PLAIN: dict[str, object] = {"epochs": 30}  # the tutorials' training; what it reaches is the measure
COARSE = {
    "epochs": (6, 10),
    "batch_size": (128, 256),
    "learning_rate": (2e-3, 4e-3, 8e-3),
    "schedule": ("cosine", "one-cycle"),
}
FINE = {
    "epochs": (8, 10, 12),
    "batch_size": (256, 512),
    "learning_rate": (12e-3, 20e-3),
    "schedule": ("one-cycle",),
}


def trials() -> Iterator[dict[str, object]]:
    yield PLAIN
    for grid in (COARSE, FINE):
        for values in itertools.product(*grid.values()):
            yield dict(zip(grid, values, strict=True))


def trial(settings: dict[str, object]) -> dict[str, object]:
    """Train once; return the settings with the validation loss, in nats an image."""
    data = load("mnist")
    reseed(0, "weights")
    how = TrainingSettings(pictures=0, **settings)  # type: ignore[arg-type]
    ends = [e for e in Training(build("vae", data.train.shape), data, how, torch.device("cpu")).events()
            if isinstance(e, EpochEnd)]  # fmt: skip
    return settings | {"validation": ends[-1].metrics["validation"].loss}


def main(path: Path) -> None:
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for settings in trials():
        if not any(settings == {key: row[key] for key in row if key != "validation"} for row in done):
            row = trial(settings)
            print(row, flush=True)
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "results" / "search.jsonl")
