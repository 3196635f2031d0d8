"""What all heads for codes share."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from lunette.heads import Head, positive


class CodeHead(Head):
    """Features (…, F) → a distribution of codes with event (D); `latent` is D."""

    space: str = "plane"  # where its codes lie; a prior must be of the same
    inverts: ClassVar[bool] = False  # whether it weighs codes that it did not draw by an inverse, which is slow

    def __init__(self, latent: int, features: int) -> None:
        super().__init__()
        positive("latent", latent)
        self.latent = latent
        self.features = features

    def before(self, network: nn.Module) -> nn.Module:
        """Return the decoder's `network` so that it reads codes of this space: as it is, where that is a plane."""
        return network


def wide(x: Tensor) -> Tensor:
    """Return x in float64 where its device has that: curved spaces take differences of nearly equal numbers."""
    return x if x.device.type == "mps" else x.double()
