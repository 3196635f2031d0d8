"""The terms of an objective on pictures that are not trained on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from lunette.compute.batches import in_batches, to_float
from lunette.compute.processes import ProcessGroup
from lunette.images import Images
from lunette.randomness import reseed
from lunette.training.events import Metrics


@torch.no_grad()
def evaluate(
    terms: Callable[[Tensor, Tensor | None], Mapping[str, Tensor]],
    weights: Mapping[str, float],
    images: Images,
    seed: int,
    device: torch.device,
    group: ProcessGroup,
    each: int = 1,
) -> Metrics:
    """Return the mean of each term, of a batch of pictures and its labels, over `images`, in nats an image.

    The posterior noise is the same at every call with the same seed, so that epochs can be compared. The
    processes of a group share the batches, and the sum has one order, so that their number does not change it.
    """
    began, pixels, labels = time.perf_counter(), images.pixels, images.labels
    names = list(weights)
    places = in_batches(len(pixels), pixels.shape[1:], each)
    sums = torch.zeros(len(places), len(names), dtype=torch.float64)
    for i in range(group.rank, len(places), group.size):
        x = to_float(pixels[places[i]].to(device))
        reseed(seed, "evaluate", i)
        values = terms(x, None if labels is None else labels[places[i]].to(device))
        sums[i] = torch.tensor([float(values[name]) * len(x) for name in names])
    means = dict(zip(names, (group.sum(sums).sum(0) / len(pixels)).tolist(), strict=True))
    return Metrics(means, weights, time.perf_counter() - began)
