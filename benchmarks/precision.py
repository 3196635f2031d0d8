"""Whether bfloat16 products end where float32's do: T1's dense network and a convolutional one, three seeds each.

    LUNETTE_DATA=… python benchmarks/precision.py [EPOCHS [SEEDS]]

Where the processor has no bfloat16 products they are emulated, as LUNETTE_EMULATE_BF16=1 does: both factors of every
matrix product and convolution, forward and backward, are rounded to bfloat16 and then multiplied and summed in float32;
with convolutions, whose tensors between layers are bfloat16 (autocast), sums are rounded as well.
The losses are on the test pictures, in nats an image. Prints a table and writes precision.json.
"""

from __future__ import annotations

import os
import statistics
import sys

import torch

from lunette.compute import EMULATE, PrecisionName, has_bf16
from lunette.images import load
from lunette.randomness import reseed
from lunette.recipes import build
from lunette.training import EpochEnd, Training, TrainingSettings
from report import write_results

CPU = torch.device("cpu")
NETWORKS = {"dense": "mlp:400", "convolutional": "conv:16/2,32/2:128"}


def train(network: str, precision: PrecisionName, epochs: int, seed: int) -> float:
    """Return the test loss after training so."""
    data = load("mnist")
    reseed(seed, "weights")
    settings = TrainingSettings(epochs=epochs, seed=seed, pictures=0, precision=precision)
    training = Training(build("vae", data.train.shape, {"network": network}), data, settings, CPU)
    for event in training.events():
        if isinstance(event, EpochEnd):
            print(f"{network}, {precision}, seed {seed}, {event}", flush=True)
    return training.measure(data.test).loss


def main(epochs: int, seeds: int) -> None:
    real, _ = has_bf16(CPU)
    if not real:
        os.environ[EMULATE] = "1"
    names: dict[PrecisionName, str] = {"fp32": "fp32", "bf16": "bf16" if real else "bf16, emulated"}
    rows: list[dict[str, object]] = []
    for kind, network in NETWORKS.items():
        losses = {name: [train(network, name, epochs, seed) for seed in range(seeds)] for name in names}
        mean = statistics.mean(losses["fp32"])
        rows += [
            {
                "network": f"{kind} ({network})",
                "products": names[name],
                "test −ELBO, each seed": " ".join(f"{loss:.2f}" for loss in each),
                "mean": round(statistics.mean(each), 2),
                "from fp32's": round(statistics.mean(each) - mean, 2),
            }
            for name, each in losses.items()
        ]
    write_results("precision", rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
