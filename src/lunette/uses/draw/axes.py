"""The plane in which codes spread most."""

from __future__ import annotations

import torch
from torch import Tensor


def principal_axes(codes: Tensor, n: int = 2) -> tuple[Tensor, Tensor]:
    """Return the mean (D,) of codes (N, D) and their first principal axes (≤ n, D), as long as the spread on them.

    An axis is an eigenvector of the covariance times the root of its eigenvalue; its sign makes its largest
    entry positive, so that pictures do not flip from one machine to another.
    """
    mean = codes.mean(0)
    _, singular, directions = torch.linalg.svd(codes - mean, full_matrices=False)
    axes = directions[:n] * (singular[:n, None] / len(codes) ** 0.5)
    signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    return mean, axes * torch.where(signs == 0, 1.0, signs)
