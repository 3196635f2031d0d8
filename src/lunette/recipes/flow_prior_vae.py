"""The variational autoencoder with a normalizing flow as its prior."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def flow_prior_vae(shape: Shape, parts: Variational = Variational(prior="flow:3")) -> Recipe:
    """VAE whose prior is a learned autoregressive flow (Chen et al., ICLR 2017)."""
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
