"""The tutorials' own numbers on MNIST: their programs and Lunette's recipes, in one run.

    LUNETTE_DATA=… python benchmarks/tutorials.py

T1 is compared by its test loss (−ELBO with one draw, nats an image) after 30 epochs, T2 by the mean training
loss over epoch 20. Both programs and recipes train on all 60,000 pictures. Prints a table and writes
tutorials.json. It takes about a quarter of an hour on two cores.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from lunette.images import DataSettings, load
from lunette.uses.train import train
from report import write_results
from tutorial_programs import Program


def program(centred: bool, epochs: int) -> tuple[float, float]:
    """Return a tutorial program's mean training loss over the last epoch, and its test loss."""
    torch.manual_seed(0)
    data = load("mnist", DataSettings(validation=0))
    trained = Program(data.train.pixels[:], centred)
    losses = [trained.epoch() for _ in range(epochs)]
    return losses[-1], trained.test(data.test.pixels[:])


def recipe(name: str, epochs: int) -> tuple[float, float]:
    """Return the same of a recipe, trained as the tutorials do."""
    with tempfile.TemporaryDirectory() as folder:
        run = train(name, "mnist", out=Path(folder) / "run", epochs=epochs, validation=0.0, pictures=0)
        rows = run.metrics()
    return rows[-2]["loss"], rows[-1]["loss"]


def main() -> None:
    rows = []
    for what, results in {
        "T1's program, 30 epochs": program(False, 30),
        "lunette train vae, 30 epochs": recipe("vae", 30),
        "T2's program, 20 epochs": program(True, 20),
        "lunette train gaussian_vae, 20 epochs": recipe("gaussian_vae", 20),
    }.items():
        loss, test = results
        rows.append({"what": what, "training loss, last epoch": round(loss, 2), "test loss": round(test, 2)})
    write_results("tutorials", rows)


if __name__ == "__main__":
    main()
