"""What part of one set of pictures lies among another: by the distances of nearest neighbours, with constant memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lunette.images import Pixels
from lunette.progress import Progress, Watch, unwatched
from lunette.training import cuts, to_float

K = 5  # neighbours; of the papers, one takes 3 and the other 5
AROUND = 50  # neighbours of a picture that its nearest one is compared with
ROWS = 1000  # of distances at a time
TYPICAL = 0.01  # the share of real pictures that count as copies


def overlap(real: Tensor, drawn: Tensor, k: int = K) -> dict[str, float]:
    """Return precision, recall, density and coverage of features drawn (M, F) among real ones (N, F).

    The ball of a picture reaches to its k-th neighbour in its own set.

        precision: the share of drawn pictures within the ball of a real one
        recall:    the share of real pictures within the ball of a drawn one
        density:   how many balls of real pictures a drawn one is within, on average, over k
        coverage:  the share of real pictures with a drawn one within their ball

    Sources: Kynkäänniemi et al., NeurIPS 2019 (precision, recall); Naeem et al., ICML 2020 (density, coverage). With
    fewer than k + 1 pictures in a set, the ball reaches to the furthest.
    """
    real, drawn = real.double(), drawn.double()
    reach, drawn_reach = radii(real, k), radii(drawn, k)
    among = torch.zeros(len(drawn), dtype=torch.int64)  # balls of real pictures around each drawn one
    recalled, covered = 0, 0
    for cut, distances in rows(real, drawn):
        inside = distances <= reach[cut, None]
        among += inside.sum(0)
        covered += int(inside.any(1).sum())
        recalled += int((distances <= drawn_reach).any(1).sum())
    return {
        "precision": float((among > 0).double().mean()),
        "recall": recalled / len(real),
        "density": float(among.double().mean()) / k,
        "coverage": covered / len(real),
    }


def radii(features: Tensor, k: int) -> Tensor:
    """Return the distance of each of (N, F) to its k-th nearest neighbour, (N,)."""
    found = torch.empty(len(features), dtype=features.dtype)
    for cut, distances in rows(features, features):
        distances.diagonal(cut.start).fill_(-1)  # rounding must not put another one before the picture itself
        found[cut] = distances.kthvalue(min(k + 1, len(features)), dim=1).values
    return found.clamp_min(0)


def rows(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield the distances of some of a (N, F) at a time to all of b (M, F)."""
    for start in range(0, len(a), ROWS):
        cut = slice(start, start + ROWS)
        yield cut, torch.cdist(a[cut], b)


def nearest(pixels: Pixels, others: Pixels, k: int, watch: Watch = unwatched) -> tuple[Tensor, Tensor]:
    """Return the distances to the k nearest of `others`, nearest first, (N, k), and which those are (N, k).

    Both are uint8 images; distances are of pixels in [0, 1].
    """
    k = min(k, len(others))
    distances = torch.full((len(pixels), k), torch.inf)
    places = torch.zeros(len(pixels), k, dtype=torch.int64)
    blocks = cuts(len(others), others.shape[1:])
    for there in blocks:
        theirs = to_float(others[there]).flatten(1)
        numbers = torch.arange(there.start, there.start + len(theirs))
        for here in cuts(len(pixels), pixels.shape[1:]):
            new = torch.cdist(to_float(pixels[here]).flatten(1), theirs)
            near, which = new.topk(min(k, len(theirs)), largest=False)
            both = torch.cat([distances[here], near], 1)
            distances[here], chosen = both.topk(k, largest=False)
            places[here] = torch.cat([places[here], numbers[which]], 1).gather(1, chosen)
        watch(Progress("looking for copies", there.start + len(theirs), len(others)))
    # Of near pictures the product of matrices inside cdist leaves little but rounding, and copies are near.
    closest = [
        (to_float(pixels[i : i + 1]) - to_float(others[j : j + 1])).norm() for i, j in enumerate(places[:, 0].tolist())
    ]
    distances[:, 0] = torch.stack(closest)
    return distances, places


def closeness(distances: Tensor) -> Tensor:
    """Distances to the nearest pictures (N, k) → that to the nearest over the mean of the others, (N,).

    A copy is far below 1; a blurred picture, which is near to many, is not. Source: Carlini et al., USENIX Security
    2023, who divide by the mean of all.
    """
    return distances[:, 0] / distances[:, 1:].mean(1).clamp_min(torch.finfo(distances.dtype).tiny)


def copied(drawn: Tensor, real: Tensor) -> tuple[float, float]:
    """Return the share of drawn pictures closer to one training picture than 1 % of real ones are; standard error.

    Takes the `closeness` of drawn (M,) and of real pictures (N,) that were not trained on. The 1 % are what pictures
    of the same distribution get. The standard error is of both sets.
    """
    share = float((drawn < real.quantile(TYPICAL)).float().mean())
    return share, (share * (1 - share) / len(drawn) + TYPICAL * (1 - TYPICAL) / len(real)) ** 0.5
