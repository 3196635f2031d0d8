"""The Poincaré VAE."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion, rate, warmup
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def poincare_vae(
    shape: Shape, parts: Variational = Variational(latent=5, posterior="ball:1.0", prior="ball:1.0")
) -> Recipe:
    """VAE in hyperbolic space, which has room for trees (Mathieu et al., NeurIPS 2019)."""
    return parts.recipe(shape, {distortion: 1.0, rate: warmup(1, parts.rate_warmup)})
