"""The variational autoencoder with a mixture of normals as its prior."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def mixture_vae(shape: Shape, parts: Variational = Variational(prior="mixture:10")) -> Recipe:
    """VAE whose prior is a learned mixture of normals, one a cluster of codes (Jiang et al., IJCAI 2017)."""
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
