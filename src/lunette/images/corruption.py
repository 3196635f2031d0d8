"""Damage to pictures, for models that learn to mend it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lunette.errors import LunetteError, unknown
from lunette.randomness import noise

# (N, C, H, W) in [0, 1] → the same shape, with torch's global generator
Corruption = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class NormalNoise:
    """x + std · ε with ε ~ N(0, 1) for each value; it is not clamped, so values may leave [0, 1]."""

    std: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.std < float("inf"):
            raise LunetteError(f"the standard deviation of noise must be 0 or more, not {self.std}")

    def __call__(self, x: Tensor) -> Tensor:
        """Return x with noise."""
        return x + self.std * noise(torch.randn, x.shape, x)


@dataclass(frozen=True)
class Masking:
    """Each pixel, in all its channels, is set to 0 with probability `share`."""

    share: float = 0.5

    def __post_init__(self) -> None:
        check_share(self.share)

    def __call__(self, x: Tensor) -> Tensor:
        """Return x with pixels gone."""
        return x * (noise(torch.rand, x[:, :1].shape, x) >= self.share)


@dataclass(frozen=True)
class SaltAndPepper:
    """Each pixel, in all its channels, becomes with probability `share` black or white, as likely either."""

    share: float = 0.1

    def __post_init__(self) -> None:
        check_share(self.share)

    def __call__(self, x: Tensor) -> Tensor:
        """Return x with black and white pixels."""
        u = noise(torch.rand, x[:, :1].shape, x)
        return torch.where(u < self.share, (u < self.share / 2).to(x.dtype), x)


CORRUPTIONS: dict[str, Callable[[float], Corruption]] = {
    "normal": NormalNoise,
    "masking": Masking,
    "salt-and-pepper": SaltAndPepper,
}


def corruption(name: str, level: float) -> Corruption:
    """Return the corruption called `name`: `level` is its standard deviation, or its share of pixels."""
    if name not in CORRUPTIONS:
        raise unknown("corruption", name, CORRUPTIONS)
    return CORRUPTIONS[name](level)


def check_share(share: float) -> None:
    """Raise LunetteError unless `share` lies in [0, 1]."""
    if not 0 <= share <= 1:
        raise LunetteError(f"the share of damaged pixels must be from 0 to 1, not {share}")
