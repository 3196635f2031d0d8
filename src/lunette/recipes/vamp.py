"""The variational autoencoder with a VampPrior."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def vamp(shape: Shape, parts: Variational = Variational(prior="vamp:100")) -> Recipe:
    """VAE whose prior is the mean of the posteriors of learned pictures (Tomczak & Welling, AISTATS 2018)."""
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
