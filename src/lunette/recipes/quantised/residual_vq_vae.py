"""The autoencoder with residual vector quantisation."""

from __future__ import annotations

from typing import Annotated

from lunette.images import Shape
from lunette.recipes.quantised.shared import Quantising
from lunette.recipes.registry import Recipe, recipe


@recipe
def residual_vq_vae(
    shape: Shape,
    parts: Quantising = Quantising(),
    levels: Annotated[int, "codebooks; each one codes what those before it left"] = 4,
) -> Recipe:
    """VQ-VAE whose codes are sums of entries, from coarse to fine (Zeghidour et al., 2021; Lee et al., CVPR 2022)."""
    return parts.recipe(shape, levels)
