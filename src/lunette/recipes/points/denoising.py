"""The denoising autoencoder."""

from __future__ import annotations

from typing import Annotated, Literal

from lunette.images import Shape, corruption
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Deterministic


@recipe
def denoising(
    shape: Shape,
    parts: Deterministic = Deterministic(),
    noise: Annotated[Literal["normal", "masking", "salt-and-pepper"], "how its input is damaged"] = "normal",
    level: Annotated[float, "standard deviation of normal noise, or share of the pixels that are damaged"] = 0.3,
) -> Recipe:
    """Denoising autoencoder: draws the clean image from a damaged one (Vincent et al., ICML 2008)."""
    return parts.recipe(shape, {distortion: 1}, corrupt=corruption(noise, level))
