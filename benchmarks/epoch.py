"""How long an epoch of MNIST takes: the first tutorial's program and Lunette, in turns, in one run.

    LUNETTE_DATA=… python benchmarks/epoch.py [ROUNDS]

Both train 784-400-20 on all 60,000 pictures at batch 128 with Adam. Prints a table and writes epoch.json.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from lunette.images import DataSettings, load
from lunette.randomness import reseed
from lunette.recipes import build
from lunette.training import EpochEnd, Training, TrainingSettings
from lunette.uses.train import train
from report import write_results
from tutorial_programs import Program


def loop_epochs() -> Iterator[None]:
    """Lunette's loop, an epoch at a time."""
    data = load("mnist", DataSettings(validation=0))
    reseed(0, "weights")
    recipe = build("vae", data.train.shape)
    settings = TrainingSettings(epochs=10_000, pictures=0)
    for event in Training(recipe, data, settings, torch.device("cpu")).events():
        if isinstance(event, EpochEnd):
            yield


def recorded_epoch() -> float:
    """The whole of `lunette train` for two epochs; return the seconds of the second one, from end to end.

    This counts its checkpoint and its two pictures, too.
    """
    ends = []

    def watch(event: object) -> None:
        if isinstance(event, EpochEnd):
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        train("vae", "mnist", out=Path(folder) / "run", epochs=2, validation=0.0, watch=watch)
    return ends[1] - ends[0]


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main(rounds: int) -> None:
    program = Program(load("mnist", DataSettings(validation=0)).train.pixels[:])
    epochs = loop_epochs()
    contenders: dict[str, Callable[[], float]] = {
        "tutorial T1's program": lambda: timed(program.epoch),
        "lunette, the training loop": lambda: timed(lambda: next(epochs)),
        "lunette train, with checkpoint and pictures": recorded_epoch,
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for i in range(rounds + 1):
        for name, run in contenders.items():
            took = run()
            if i:  # the first round warms up
                seconds[name].append(took)
                print(f"round {i}  {name}: {took:.2f} s", flush=True)
    baseline = statistics.median(seconds["tutorial T1's program"])
    rows = [
        {
            "program": name,
            "seconds an epoch, median": round(statistics.median(times), 2),
            "least": round(min(times), 2),
            "most": round(max(times), 2),
            "times as fast as T1": round(baseline / statistics.median(times), 2),
        }
        for name, times in seconds.items()
    ]
    write_results("epoch", rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
