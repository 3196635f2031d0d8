"""Grey pictures turned black and white."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from lunette.errors import unknown
from lunette.randomness import noise

Binarization = Literal["none", "threshold", "dynamic"]


def binarize(x: Tensor, how: Binarization) -> Tensor:
    """Return x in [0, 1] as 0 and 1: where x ≥ ½ ("threshold"), or drawn from Bernoulli(x) ("dynamic")."""
    if how == "none":
        return x
    if how == "threshold":
        return (x >= 0.5).to(x.dtype)
    if how == "dynamic":
        return (noise(torch.rand, x.shape, x) < x).to(x.dtype)
    raise unknown("binarization", how, ("none", "threshold", "dynamic"))
