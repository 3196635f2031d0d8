"""The hyperspherical VAE."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def svae(shape: Shape, parts: Variational = Variational(latent=10, posterior="sphere", prior="sphere")) -> Recipe:
    """Hyperspherical VAE: codes are directions, with the uniform prior on the sphere (Davidson et al., UAI 2018)."""
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
