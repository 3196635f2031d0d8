"""The importance-weighted autoencoder."""

from __future__ import annotations

from typing import Annotated, Literal

from lunette.images import Shape
from lunette.objectives import doubly_reparameterized_bound, importance_bound
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Sampled, Samples

GRADIENTS = {"plain": importance_bound, "doubly-reparameterized": doubly_reparameterized_bound}


@recipe
def iwae(
    shape: Shape,
    parts: Sampled = Sampled(),
    samples: Samples = 5,
    gradient: Annotated[
        Literal["plain", "doubly-reparameterized"], "of the encoder; the latter (DReG) has less noise"
    ] = "plain",
) -> Recipe:
    """Importance-weighted autoencoder: a tighter bound from K draws of each code (Burda et al., ICLR 2016)."""
    return parts.recipe(shape, {GRADIENTS[gradient]: 1.0}, samples)
