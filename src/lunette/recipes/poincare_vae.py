"""The Poincaré VAE."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def poincare_vae(
    shape: Shape, parts: Variational = Variational(latent=10, posterior="ball:1", prior="ball:1")
) -> Recipe:
    """Poincaré VAE: codes lie in a hyperbolic ball, where trees have room (Mathieu et al., NeurIPS 2019).

    `ball:C` has the curvature −C, and the decoder reads the logarithmic map at its centre.
    """
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
