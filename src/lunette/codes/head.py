"""What all heads for codes share."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from lunette.heads import Head, positive


class CodeHead(Head):
    """Features (…, F) → a distribution of codes with event (D); `latent` is D."""

    space: ClassVar[str] = "plane"  # where its codes lie; a prior must be of the same
    number: ClassVar[type[int] | type[float] | None] = None  # what follows its name, as in planar:8

    def __init__(self, latent: int, features: int) -> None:
        super().__init__()
        positive("latent", latent)
        self.latent = latent
        self.features = features


def single(features: Tensor) -> Tensor:
    """Return features in float32, or in float64 if they are: bfloat16 products give less, which no density stands."""
    return features.to(torch.promote_types(features.dtype, torch.float32))
