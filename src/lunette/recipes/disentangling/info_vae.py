"""The InfoVAE."""

from __future__ import annotations

from typing import Annotated

from lunette.errors import LunetteError
from lunette.images import Shape
from lunette.objectives import KernelName, MaximumMeanDiscrepancy, distortion, rate
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Sampled


@recipe
def info_vae(
    shape: Shape,
    parts: Sampled = Sampled(),
    alpha: Annotated[float, "how much of the rate is left out, up to 1; 0 leaves it all in"] = 0.0,
    divergence: Annotated[float, "λ: weight of the codes' distance from the prior; 1 with alpha 0 is the VAE"] = 100.0,
    kernel: Annotated[KernelName, "of the discrepancy"] = "inverse-multiquadric",
) -> Recipe:
    """VAE that weighs what a code tells and how codes spread apart from one another (Zhao et al., AAAI 2019)."""
    if not (alpha <= 1 and alpha + divergence >= 1):
        raise LunetteError(f"alpha is at most 1 and alpha + divergence at least 1, not {alpha} and {divergence}")
    discrepancy = MaximumMeanDiscrepancy(kernel)
    return parts.recipe(shape, {distortion: 1.0, rate: 1 - alpha, discrepancy: alpha + divergence - 1})
