"""The VAE that is held at a rate."""

from __future__ import annotations

from typing import Annotated

from lunette.images import Shape
from lunette.objectives import CapacityGap, distortion, rate
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Sampled


@recipe
def capacity_vae(
    shape: Shape,
    parts: Sampled = Sampled(latent=10),
    capacity: Annotated[float, "nats that the rate is drawn to in the end"] = 25.0,
    rise: Annotated[float, "epochs over which the capacity rises from 0 to that"] = 20.0,
    gamma: Annotated[float, "weight of the gap between rate and capacity"] = 30.0,
) -> Recipe:
    """β-VAE that may tell more and more nats, C, of an image: γ |rate − C| (Burgess et al., 2018)."""
    return parts.recipe(shape, {distortion: 1.0, CapacityGap(capacity, rise): gamma, rate: 0.0})
