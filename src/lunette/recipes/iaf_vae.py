"""The variational autoencoder with an inverse autoregressive flow as its posterior."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def iaf_vae(shape: Shape, parts: Variational = Variational(posterior="iaf:2")) -> Recipe:
    """VAE whose posterior is an inverse autoregressive flow (Kingma et al., NeurIPS 2016)."""
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
