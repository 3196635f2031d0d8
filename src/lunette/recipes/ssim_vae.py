"""The VAE of structural similarity."""

from __future__ import annotations

from typing import Annotated

from lunette.images import Shape
from lunette.objectives import Dissimilarity
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def ssim_vae(
    shape: Shape,
    parts: Variational = Variational(),
    similarity: Annotated[float, "weight of 1 − MS-SSIM, which is 0 for equal pictures"] = 100.0,
) -> Recipe:
    """VAE whose pictures are to be alike in structure, by MS-SSIM (Snell et al., ICIP 2017)."""
    return parts.recipe(shape, {Dissimilarity(): similarity, parts.rate: parts.rate_weight})
