"""What the codes of all pictures are together: measures of arrays and of posteriors."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Normal

ACTIVE = 0.01  # of the variance of a posterior mean over pictures: less is an inactive unit
ROWS = 500  # of pairs of a code and a picture's posterior at a time


def variances(means: Tensor) -> Tensor:
    """Return the variance over pictures of their posterior means (N, D), (D,).

    A unit with more than 0.01 is active (Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016).
    """
    return means.var(0, correction=0)


def index_information(z: Tensor, q: Normal) -> Tensor:
    """Return log q(z_n | x_n) − log 1/N Σ_m q(z_n | x_m) of a code z (N, D) of each picture, (N,), in nats.

    Its mean is the mutual information between code and picture where these N are all there are, at most log N, and
    a lower bound of it where more could come. Source: Hoffman & Johnson, "ELBO surgery", NIPS workshop 2016.
    """
    z, mean, scale = (each.cpu().double() for each in (z, q.loc, q.scale))  # Apple's GPUs have no float64
    precision = scale**-2
    constant = (mean.square() * precision).sum(-1) / 2 + scale.log().sum(-1)
    found = []
    for start in range(0, len(z), ROWS):
        rows = z[start : start + ROWS]
        logs = rows @ (mean * precision).T - rows.square() @ precision.T / 2 - constant
        own = logs[torch.arange(len(rows)), torch.arange(start, start + len(rows))]
        found.append(own - logs.logsumexp(-1) + math.log(len(z)))
    return torch.cat(found)


def distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Wasserstein-1 distance between samples a and b in each dimension, (N, D) both, (D,).

    Of as many points each, it is the mean distance between those of the same rank.
    """
    return np.abs(np.sort(a, axis=0) - np.sort(b, axis=0)).mean(0)
