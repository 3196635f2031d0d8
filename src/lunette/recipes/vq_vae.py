"""The vector-quantised autoencoder."""

from __future__ import annotations

from lunette.images import Shape
from lunette.recipes.discrete import Quantising
from lunette.recipes.registry import Recipe, recipe


@recipe
def vq_vae(shape: Shape, parts: Quantising = Quantising()) -> Recipe:
    """Codes are entries of a codebook, and an autoregressive prior learns them after (van den Oord, NeurIPS 2017)."""
    return parts.recipe(shape)
