"""The terms of an objective on pictures that are not trained on."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch

from lunette.images import Pixels
from lunette.models import LatentModel
from lunette.objectives import Objective
from lunette.randomness import reseed
from lunette.training.batches import batches, to_float
from lunette.training.events import Metrics


@torch.inference_mode()
def evaluate(
    model: LatentModel, objective: Objective, weights: Mapping[str, float], pixels: Pixels, seed: int
) -> Metrics:
    """Return the mean of each term over uint8 images (N, C, H, W), in nats an image.

    The posterior noise is the same at every call with the same seed, so that epochs can be compared.
    """
    began = time.perf_counter()
    model.eval()
    sums: dict[str, float] = {}
    for i, chunk in enumerate(batches(pixels)):
        reseed(seed, "evaluate", i)
        trace = model.trace(to_float(chunk), samples=objective.samples)
        for name, value in objective(model, trace).items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(chunk)
    means = {name: total / len(pixels) for name, total in sums.items()}
    return Metrics(means, weights, time.perf_counter() - began)
