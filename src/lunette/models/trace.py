"""Everything that one pass through a model produced; objectives and uses read only this."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution


@dataclass(frozen=True)
class Latent:
    """One rung of codes: K posterior samples z (K, N, D), their posterior and their prior."""

    z: Tensor
    q: Distribution  # batch (N), or (K, N) on a rung that is told from samples of those above; event (D)
    p: Distribution | None  # None for a plain autoencoder


@dataclass(frozen=True)
class Moment:
    """When a batch was passed, and of how many pictures it is: for terms that change in time or speak of the set."""

    epoch: Tensor = field(default_factory=lambda: torch.tensor(math.inf))  # epochs passed, with fractions; ∞ after all
    pictures: int | None = None  # in training; unknown elsewhere


@dataclass(frozen=True)
class Trace:
    """One pass over N images with K samples each."""

    x: Tensor  # (N, C, H, W), the clean images in [0, 1]
    latents: tuple[Latent, ...]  # a VAE is a ladder of one rung
    px: Distribution  # batch (K, N), event (C, H, W)
    moment: Moment = field(default_factory=Moment)
    found: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)  # by terms, once
