"""Two trainings at once on one machine: seconds a step of each, alone and in company.

    python benchmarks/threads.py [SECONDS]

A dense network (T1's: 784-400-20, batch 128) and a convolutional one (conv_vae, batch 128), on random images: alone,
and as two processes that begin together. Each with the threads and the waiting that Lunette's command line chooses, and
as torch leaves them: all cores, whose threads turn in circles while they wait. Medians of milliseconds a step; those of
two processes are the slower one's. Prints a table and writes threads.json.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time

import torch

from lunette.faces.cli import wait_briefly
from lunette.images import Dataset, Images
from lunette.recipes import build
from lunette.training import Step, Training, TrainingSettings
from report import write_results

SHAPE = (1, 28, 28)
NETWORKS = {"dense (vae)": "vae", "convolutional (conv_vae)": "conv_vae"}
WARM_UP = 3  # steps


def steps(recipe: str, threads: int | None, seconds: float) -> None:
    """Train for so many seconds; print the milliseconds of each step as JSON."""
    images = Images((torch.rand(12_800, *SHAPE) * 255).to(torch.uint8))
    none = images.take(slice(0))
    settings = TrainingSettings(epochs=10**6, pictures=0, threads=threads, precision="fp32")
    training = Training(build(recipe, SHAPE, {}, 0), Dataset(images, none, none, {}), settings, torch.device("cpu"))
    times = [time.perf_counter()]
    for event in training.events():
        if isinstance(event, Step):
            times.append(time.perf_counter())
            if len(times) > WARM_UP + 3 and times[-1] - times[WARM_UP] > seconds:
                break
    print(json.dumps([1000 * (b - a) for a, b in zip(times[WARM_UP:], times[WARM_UP + 1 :], strict=False)]))


def median(recipe: str, threads: int | None, copies: int, seconds: float) -> float:
    """Return milliseconds a step of the slower one of so many trainings at once."""
    environment = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_NUM_THREADS")}
    if threads is None:
        environment["GOMP_SPINCOUNT"] = os.environ["GOMP_SPINCOUNT"]
    words = [sys.executable, __file__, "--steps", recipe, str(threads or 0), str(seconds)]
    started = [subprocess.Popen(words, env=environment, stdout=subprocess.PIPE) for _ in range(copies)]
    return max(statistics.median(json.loads(process.communicate()[0])) for process in started)


def main(seconds: float) -> None:
    wait_briefly()
    rows: list[dict[str, object]] = []
    for name, recipe in NETWORKS.items():
        for how, threads in (("Lunette's choice", None), ("all cores, as torch leaves it", os.cpu_count())):
            alone, together = (median(recipe, threads, copies, seconds) for copies in (1, 2))
            rows.append(
                {
                    "network": name,
                    "threads": how,
                    "alone, ms a step": round(alone, 1),
                    "each of two at once": round(together, 1),
                    "times as long": round(together / alone, 2),
                }
            )
    write_results("threads", rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--steps"]:
        steps(sys.argv[2], int(sys.argv[3]) or None, float(sys.argv[4]))
    else:
        main(*map(float, sys.argv[1:] or ["15"]))
