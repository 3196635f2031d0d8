"""The conditional VAE."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def cvae(shape: Shape, labels: int, parts: Variational = Variational()) -> Recipe:
    """VAE that is told what a picture shows, so that its code keeps to the style (Sohn et al., NeurIPS 2015).

    The prior `label` has a learned normal distribution for each label.
    """
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight}, labels=labels)
