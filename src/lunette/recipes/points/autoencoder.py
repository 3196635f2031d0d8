"""The plain autoencoder."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Deterministic


@recipe
def autoencoder(shape: Shape, parts: Deterministic = Deterministic()) -> Recipe:
    """Autoencoder: gives back what it is shown through a narrow code (Hinton & Salakhutdinov, Science 2006)."""
    return parts.recipe(shape, {distortion: 1})
