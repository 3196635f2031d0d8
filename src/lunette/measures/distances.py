"""How far apart two sets of pictures are, by their features."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lunette.randomness import generator

BLOCK = 1000  # pictures of each set whose kernel distance is taken at a time
FEWEST_BLOCKS = 5  # without several there is no standard error


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """|μ − ν|² + tr(A + B − 2 (A^½ B A^½)^½): the squared distance of normals with the moments of the features.

    Features (N, F) and (M, F); μ, ν are their means and A, B their covariances, with N − 1 and M − 1. It falls with
    N and M, so only distances of equally many pictures compare. Source: Heusel et al., NeurIPS 2017.
    """
    (mu, cov_a), (nu, cov_b) = moments(a), moments(b)
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp_min(0).sqrt()  # rootᵀ B root is A^½ B A^½ turned: it has the same eigenvalues
    shared = torch.linalg.eigvalsh(root.T @ cov_b @ root).clamp_min(0).sqrt().sum()
    return float((mu - nu).square().sum() + cov_a.trace() + cov_b.trace() - 2 * shared)


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (F,) and the covariance (F, F) of features (N, F), float64."""
    features = features.double()
    return features.mean(0), torch.cov(features.T).reshape(features.shape[1], -1)


def kernel_distance(a: Tensor, b: Tensor, seed: int = 0) -> tuple[float, float]:
    """E k(a, a') + E k(b, b') − 2 E k(a, b) with k(a, b) = (a·b / F + 1)³, and its standard error.

    Features (N, F) and (M, F) are shuffled and cut into blocks of about 1,000; it is the mean of the blocks'
    unbiased estimates, so it may be below 0. Source: Bińkowski et al., ICLR 2018 (KID), whose subsets overlap; these
    do not, so that their spread gives the standard error.
    """
    count = max(FEWEST_BLOCKS, min(len(a), len(b)) // BLOCK)
    draws = generator(seed, "kernel distance")
    blocks = (x[torch.randperm(len(x), generator=draws)].double().tensor_split(count) for x in (a, b))
    found = torch.tensor([squared_mmd(*pair) for pair in zip(*blocks, strict=True)], dtype=torch.float64)
    return float(found.mean()), float(found.std() / math.sqrt(count))


def squared_mmd(a: Tensor, b: Tensor) -> float:
    """Return the unbiased estimate of the squared maximum mean discrepancy of (N, F) and (M, F)."""

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        k = kernel(x, x)
        return (k.sum() - k.trace()) / (len(x) * (len(x) - 1))

    return float(within(a) + within(b) - 2 * kernel(a, b).mean())
