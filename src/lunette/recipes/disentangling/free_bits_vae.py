"""The VAE each of whose dimensions has some nats for free."""

from __future__ import annotations

from typing import Annotated

from lunette.images import Shape
from lunette.objectives import FreeBits, distortion, rate
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Sampled


@recipe
def free_bits_vae(
    shape: Shape,
    parts: Sampled = Sampled(),
    free: Annotated[float, "nats a dimension that cost nothing more"] = 0.5,
) -> Recipe:
    """VAE whose dimensions cost max(λ, rate), so that none is given up early (Kingma et al., NeurIPS 2016)."""
    return parts.recipe(shape, {distortion: 1.0, FreeBits(free): 1.0, rate: 0.0})
