"""The vector-quantised autoencoder."""

from __future__ import annotations

from lunette.images import Shape
from lunette.recipes.quantised.shared import Quantising
from lunette.recipes.registry import Recipe, recipe


@recipe
def vq_vae(shape: Shape, parts: Quantising = Quantising()) -> Recipe:
    """VQ-VAE: codes are entries of a codebook, and their prior is learned after (van den Oord et al., NeurIPS 2017)."""
    return parts.recipe(shape)
