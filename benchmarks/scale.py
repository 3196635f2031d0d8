"""Packed data and several processes: what an epoch costs and how memory grows.

    LUNETTE_DATA=… python benchmarks/scale.py [BUDGET in MiB]

Packs of 1×, 4× and 16× the budget (MNIST's pictures over and over) are trained on for STEPS steps, each in a process
of its own. Peak memory is what the process ever held (VmHWM), and without what it maps from the disk (RssAnon
at the end), which the kernel takes back when it needs room. Then one process and two train on MNIST in memory.
Prints two tables and writes scale.json and scale_processes.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from lunette.images import Images, load
from lunette.uses.data.pack import pack
from report import write_results

STEPS = 1000

CHILD = """
import json, re, sys, time
from pathlib import Path
import torch
from lunette.images import load
from lunette.randomness import reseed
from lunette.recipes import build
from lunette.training import Step, Training, TrainingSettings
began = time.perf_counter()
data = load(sys.argv[1])
opened = time.perf_counter() - began
reseed(0, "weights")
events = Training(build("vae", data.train.shape), data, TrainingSettings(pictures=0), torch.device("cpu")).events()
times = []
for event in events:
    if isinstance(event, Step):
        times.append(time.perf_counter())
        if len(times) > int(sys.argv[2]):
            break
status = Path("/proc/self/status").read_text()
held = {name: int(re.search(name + r":\\s+(\\d+)", status)[1]) / 1024 for name in ("VmHWM", "RssAnon")}
step = (times[-1] - times[0]) / (len(times) - 1)
print(json.dumps({"open": opened, "step": step, "pictures": len(data.train), **held}))
"""


def child(source: str) -> dict[str, float]:
    """Train on `source` in a process of its own; return what it measured."""
    run = subprocess.run([sys.executable, "-c", CHILD, source, str(STEPS)], check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return measured


def packs(budget: int) -> None:
    mnist = load("mnist").train.pixels[:]
    rows = [described("MNIST in memory", child("mnist"), None)]
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, 4, 16):
            pictures = times * budget * 2**20 // mnist[0].numel()
            path = Path(folder) / f"{times}"
            pixels = mnist[np.arange(pictures) % len(mnist)]
            pack(Images(pixels), path)
            del pixels
            rows.append(described(f"pack of {times}× {budget} MiB", child(str(path)), rows[1] if times > 1 else None))
    write_results("scale", rows)


def described(what: str, measured: dict[str, float], first: dict[str, object] | None) -> dict[str, object]:
    peak = round(measured["VmHWM"])
    return {
        "data": what,
        "training pictures": int(measured["pictures"]),
        "ms a step": round(measured["step"] * 1e3, 2),
        "seconds to open and check": round(measured["open"], 1),
        "peak memory, MiB": peak,
        "of the 1× pack's": f"{peak / int(str(first['peak memory, MiB'])):.2f}" if first else "",
        "without mapped files, MiB": round(measured["RssAnon"]),
    }


def processes() -> None:
    rows = []
    for count in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            command = ["train", "vae", "--data", "mnist", "--epochs", "3", "--pictures", "0", "--out", str(run)]
            more = ["--processes", str(count)] if count > 1 else []
            subprocess.run([sys.executable, "-m", "lunette", *command, *more], check=True, capture_output=True)
            metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        epochs = [row for row in metrics if row["split"] == "train"]
        rows.append(
            {
                "processes": count,
                "seconds an epoch, the best of three": min(row["seconds"] for row in epochs),
                "loss of epoch 3": epochs[-1]["loss"],
                "test loss": metrics[-1]["loss"],
            }
        )
    write_results("scale_processes", rows)


if __name__ == "__main__":
    packs(int(sys.argv[1]) if len(sys.argv) > 1 else 64)
    processes()
