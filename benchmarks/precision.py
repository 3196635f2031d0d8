"""Whether bfloat16 products end where float32's do: the T1 network, three seeds each.

    LUNETTE_DATA=… python benchmarks/precision.py [EPOCHS [SEEDS]]

Where the processor has no bfloat16 products they are emulated: both factors of every matrix product and convolution,
forward and backward, are rounded to bfloat16 and then multiplied and summed in float32. A product of two bfloat16
numbers is exact in float32, so that this differs from such a processor by the order of its sums alone. The losses are
on the test pictures, in nats an image. Prints a table and writes precision.json.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lunette.images import load
from lunette.randomness import reseed
from lunette.recipes import build
from lunette.training import EpochEnd, Training, TrainingSettings, pick_precision
from report import write_results

CPU = torch.device("cpu")
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "convolution", "convolution_backward")


class Rounded(TorchDispatchMode):
    """Within this, the factors of all products are rounded to bfloat16; what is added to a product is not."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in PRODUCTS:
            added = {"addmm": {0}, "baddbmm": {0}, "convolution": {2}}.get(name, set())
            args = tuple(rounded(a) if isinstance(a, Tensor) and i not in added else a for i, a in enumerate(args))
        return func(*args, **(kwargs or {}))


def rounded(factor: Tensor) -> Tensor:
    """Return `factor`, each number rounded to the nearest one of bfloat16."""
    return factor.bfloat16().float()


Around = Callable[[], contextlib.AbstractContextManager[object]]


def train(precision: str, around: Around, epochs: int, seed: int) -> float:
    """Return the test loss after training so."""
    data = load("mnist")
    reseed(seed, "weights")
    settings = TrainingSettings(epochs=epochs, seed=seed, pictures=0, precision=precision)  # type: ignore[arg-type]
    training = Training(build("vae", data.train.shape), data, settings, CPU)
    with around():
        for event in training.events():
            if isinstance(event, EpochEnd):
                print(f"{precision} {around.__name__}, seed {seed}, {event}", flush=True)
    return training.measure(data.test).loss


def main(epochs: int, seeds: int) -> None:
    real = pick_precision("auto", CPU).name == "bf16"
    half = ("bf16", contextlib.nullcontext) if real else ("fp32", Rounded)
    results: dict[str, list[float]] = {"fp32": [], "bf16" if real else "bf16, emulated": []}
    for seed in range(seeds):
        for name, how in zip(results, (("fp32", contextlib.nullcontext), half), strict=True):
            results[name].append(train(how[0], how[1], epochs, seed))
    mean = statistics.mean(results["fp32"])
    write_results(
        "precision",
        [
            {
                "products": name,
                "test −ELBO, each seed": " ".join(f"{loss:.2f}" for loss in losses),
                "mean": round(statistics.mean(losses), 2),
                "from fp32's": round(statistics.mean(losses) - mean, 2),
            }
            for name, losses in results.items()
        ],
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
