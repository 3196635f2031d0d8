"""What all heads for pixels share."""

from __future__ import annotations

import math

from torch import Tensor
from torch.distributions import Distribution, Independent

from lunette.heads import Head
from lunette.images import Shape


class PixelHead(Head):
    """Features (…, C·H·W), one a pixel, → a distribution of images with event (C, H, W)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.features = math.prod(shape)

    def forward(self, features: Tensor) -> Distribution:
        """(…, C·H·W) → batch (…), event (C, H, W)."""
        # Not validated: that costs more than the density, and a step checks that its numbers are finite.
        pixels = self.pixels(features.unflatten(-1, self.shape))
        return Independent(pixels, 3, validate_args=False)

    def pixels(self, features: Tensor) -> Distribution:
        """Return the distribution of each pixel on its own; `features` are (…, C, H, W)."""
        raise NotImplementedError
