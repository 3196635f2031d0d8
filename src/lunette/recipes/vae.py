"""The variational autoencoder."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def vae(shape: Shape, parts: Variational = Variational()) -> Recipe:
    """Variational autoencoder: codes that can be drawn from a known prior (Kingma & Welling, ICLR 2014)."""
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
