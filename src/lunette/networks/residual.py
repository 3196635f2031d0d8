"""Residual blocks, for pictures that a plain stack of convolutions is too weak for."""

from __future__ import annotations

import math

from torch import Tensor, nn

from lunette.networks.architecture import ARCHITECTURES, Layers
from lunette.networks.conv import Conv, Strided


class ResidualBlock(nn.Module):
    """silu(x + norm(conv(silu(norm(conv(x)))))) on images (N, channels, H, W); He et al., CVPR 2016.

    The norm is over groups of channels within one image: images of a batch never see each other, so that
    numbers from a trained network do not depend on the batch that an image came in.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        groups = math.gcd(channels, 8)
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.GroupNorm(groups, channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.GroupNorm(groups, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) → the same shape."""
        return nn.functional.silu(x + self.body(x))


@ARCHITECTURES.register("residual", Layers("32/2,64/2,128/2"))
def residual(layers: tuple[Strided, ...], dense: tuple[int, ...]) -> Conv:
    """Return the convolutional architecture with a residual block after each layer."""
    return Conv(layers, dense, ResidualBlock)
