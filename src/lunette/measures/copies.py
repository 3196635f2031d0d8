"""Samples that are copies of training pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lunette.compute import in_batches, to_float
from lunette.images import Pixels
from lunette.measures.probes import standard_error
from lunette.progress import Progress, announce
from lunette.results.sheet import Sheet

AROUND = 50  # neighbours of a picture that its nearest one is compared with
TYPICAL = 0.01  # the share of real pictures that count as copies
FEWEST = round(1 / TYPICAL)  # real pictures, so that one of them can be the closest 1 %
MOST = 2000  # pictures that are looked at, on each side
PAIRS, PAIRS_A_ROW = 16, 4


def copies(drawn: Tensor, real: Tensor, trained: Pixels) -> tuple[float, float, Sheet]:
    """Return the share of drawn pictures closer to one training picture than 1 % of real ones; error; closest pairs.

    All are uint8 images; `real`, 100 at least, are not trained on, so that 1 % is what pictures of the same
    distribution get. At most 2,000 of each are looked at. The standard error is of both sets. The sheet has the samples
    that are closest, each with its training picture on its right.
    """
    drawn, real = drawn[:MOST], real[:MOST]
    distances, places = nearest(torch.cat([drawn, real]), trained, AROUND + 1)
    close, usual = closeness(distances).tensor_split([len(drawn)])
    share = float((close < usual.quantile(TYPICAL)).float().mean())
    error = math.hypot(standard_error(share, len(drawn)), math.sqrt(TYPICAL * (1 - TYPICAL) / len(real)))
    worst = close.argsort()[:PAIRS]
    pairs = torch.stack([to_float(drawn[worst]), to_float(trained[places[worst, 0]])], dim=1)
    return share, error, Sheet(pairs.flatten(0, 1).numpy(), 2 * PAIRS_A_ROW, ("sample", "nearest"))


def closeness(distances: Tensor) -> Tensor:
    """Distances to the nearest pictures (N, k) → that to the nearest over the mean of the others, (N,).

    A copy is far below 1; a blurred picture, which is near to many, is not. Source: Carlini et al., USENIX Security
    2023, who divide by the mean of all.
    """
    return distances[:, 0] / distances[:, 1:].mean(1).clamp_min(torch.finfo(distances.dtype).tiny)


def nearest(pixels: Pixels, others: Pixels, k: int) -> tuple[Tensor, Tensor]:
    """Return the distances to the k nearest of `others`, nearest first, (N, k), and which those are (N, k).

    Both are uint8 images; distances are of pixels in [0, 1].
    """
    k = min(k, len(others))
    distances = torch.full((len(pixels), k), torch.inf)
    places = torch.zeros(len(pixels), k, dtype=torch.int64)
    blocks = in_batches(len(others), others.shape[1:])
    for there in blocks:
        theirs = to_float(others[there]).flatten(1)
        numbers = torch.arange(there.start, there.start + len(theirs))
        for here in in_batches(len(pixels), pixels.shape[1:]):
            new = torch.cdist(to_float(pixels[here]).flatten(1), theirs)
            near, which = new.topk(min(k, len(theirs)), largest=False)
            both = torch.cat([distances[here], near], 1)
            distances[here], chosen = both.topk(k, largest=False)
            places[here] = torch.cat([places[here], numbers[which]], 1).gather(1, chosen)
        announce(Progress("looking for copies", there.start + len(theirs), len(others)))
    # Of near pictures the product of matrices inside cdist leaves little but rounding, and copies are near.
    closest = [
        (to_float(pixels[i : i + 1]) - to_float(others[j : j + 1])).norm() for i, j in enumerate(places[:, 0].tolist())
    ]
    distances[:, 0] = torch.stack(closest)
    return distances, places
