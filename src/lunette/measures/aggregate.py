"""What the codes of all pictures are together: measures of arrays and of posteriors."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Normal

from lunette.codes import Categories
from lunette.models import Latent

ACTIVE = 0.01  # of the variance of a posterior mean over pictures: less is an inactive unit
ROWS = 500  # of pairs of a code and a picture's posterior at a time


def variances(means: Tensor) -> Tensor:
    """Return the variance over pictures of their posterior means (N, D), (D,).

    A unit with more than 0.01 is active (Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016).
    """
    return means.var(0, correction=0)


def rates(latent: Latent) -> Tensor:
    """Return KL(q(z_j | x) ‖ p(z_j)) of each dimension, or position of categories, (N, D), in nats.

    Raises LunetteError where dimensions of posterior or prior depend on one another.
    """
    q, p = latent.q, latent.p
    if isinstance(q, Categories) and isinstance(p, Categories):
        return (q.logs.exp() * (q.logs - p.logs)).sum(-1)
    kl = latent.kl_by_dimension
    return kl.mean(0) if kl.dim() > 2 else kl  # a rung below the top has a posterior for each draw of those above


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
