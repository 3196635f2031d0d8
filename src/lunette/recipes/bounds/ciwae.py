"""The autoencoder between VAE and IWAE."""

from __future__ import annotations

from typing import Annotated

from lunette.errors import LunetteError
from lunette.images import Shape
from lunette.objectives import distortion, importance_bound, rate
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Sampled, Samples


@recipe
def ciwae(
    shape: Shape,
    parts: Sampled = Sampled(),
    samples: Samples = 16,
    mix: Annotated[float, "share of the evidence bound: 1 is the VAE, 0 the IWAE"] = 0.5,
) -> Recipe:
    """A mixture of the VAE's bound and the IWAE's (Rainforth et al., ICML 2018)."""
    if not 0 <= mix <= 1:
        raise LunetteError(f"mix is a share from 0 to 1, not {mix}")
    return parts.recipe(shape, {distortion: mix, rate: mix, importance_bound: 1 - mix}, samples)
