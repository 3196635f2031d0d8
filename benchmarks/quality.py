"""How soon a given quality is reached: a test −ELBO of 103.2 nats with the T1 network, T1's program and Lunette.

    LUNETTE_DATA=… python benchmarks/quality.py [ROUNDS]

All 60,000 training pictures. T1's program is measured on the test pictures after every epoch, which its clock does
not count, until it is there. Lunette runs `--preset fast`, which benchmarks/search.py chose by validation pictures,
and is measured once, at its end; its clock runs from before the first step to the end of the last epoch, with the
checkpoints in between. Each round has a seed of its own. Prints a table and writes quality.json.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from lunette.images import DataSettings, load
from lunette.progress import watched
from lunette.training import EpochEnd, Start
from lunette.uses.train import train
from report import write_results
from tutorial_programs import Program

TARGET = 103.2
MOST_EPOCHS = 60


def tutorial(seed: int) -> tuple[float, float, int]:
    """Return T1's seconds until the target, the test loss there, and the epochs."""
    torch.manual_seed(seed)
    data = load("mnist", DataSettings(validation=0))
    test = data.test.pixels[:]
    program = Program(data.train.pixels[:])
    seconds, loss = 0.0, float("inf")
    for epoch in range(1, MOST_EPOCHS + 1):
        began = time.perf_counter()
        program.epoch()
        seconds += time.perf_counter() - began
        loss = program.test(test)
        print(f"T1, seed {seed}, epoch {epoch}: {loss:.2f} after {seconds:.0f} s", flush=True)
        if loss <= TARGET:
            break
    return seconds, loss, epoch


def preset(seed: int) -> tuple[float, float, int]:
    """Return the same of `lunette train vae --preset fast`; the loss is what it reaches."""
    times: dict[type, float] = {}

    def watch(event: object) -> None:
        times[type(event)] = time.perf_counter()  # the last of each kind

    with tempfile.TemporaryDirectory() as folder, watched(watch):
        run = train(
            "vae",
            "mnist",
            out=Path(folder) / "run",
            preset="fast",
            validation=0.0,
            pictures=0,
            seed=seed,
        )
        loss, epochs = run.metrics()[-1]["loss"], run.settings.training.epochs
    seconds = times[EpochEnd] - times[Start]
    print(f"lunette, seed {seed}: {loss:.2f} after {seconds:.1f} s", flush=True)
    return seconds, loss, epochs


def main(rounds: int) -> None:
    results = {"tutorial T1's program": [], "lunette train vae --preset fast": []}  # type: ignore[var-annotated]
    for seed in range(rounds):
        for name, run in zip(results, (tutorial, preset), strict=True):
            results[name].append(run(seed))
    baseline = statistics.median(seconds for seconds, _, _ in results["tutorial T1's program"])
    rows = [
        {
            "program": name,
            "seconds, median": round(statistics.median(seconds for seconds, _, _ in found), 1),
            "least": round(min(found)[0], 1),
            "most": round(max(found)[0], 1),
            "test −ELBO": " ".join(f"{loss:.2f}" for _, loss, _ in found),
            "epochs": " ".join(str(epochs) for _, _, epochs in found),
            "times as fast": round(baseline / statistics.median(seconds for seconds, _, _ in found), 1),
        }
        for name, found in results.items()
    ]
    write_results("quality", rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
