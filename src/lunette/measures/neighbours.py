"""What part of one set of pictures lies among another: by the distances of nearest neighbours, with constant memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

K = 5  # neighbours; of the papers, one takes 3 and the other 5
ROWS = 1000  # of distances at a time


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
