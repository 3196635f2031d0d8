"""The β-VAE."""

from __future__ import annotations

from typing import Annotated

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def beta_vae(
    shape: Shape,
    parts: Variational = Variational(latent=10, beta=4.0),
    distortion_weight: Annotated[float, "weight of the distortion; 0 shows what happens without it"] = 1.0,
) -> Recipe:
    """VAE whose rate costs β times as much; β = 0 leaves an autoencoder (Higgins et al., ICLR 2017)."""
    return parts.recipe(shape, {distortion: distortion_weight, parts.rate: parts.rate_weight})
