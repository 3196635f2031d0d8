"""The variational autoencoder with a planar flow as its posterior."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def planar_vae(shape: Shape, parts: Variational = Variational(posterior="planar:8")) -> Recipe:
    """VAE whose posterior is bent by planar maps (Rezende & Mohamed, ICML 2015)."""
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
