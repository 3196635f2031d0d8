"""The FactorVAE."""

from __future__ import annotations

from typing import Annotated

from lunette.images import Shape
from lunette.objectives import DensityRatioTotalCorrelation, distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational, in_a_plane


@recipe
def factor_vae(
    shape: Shape,
    parts: Variational = Variational(latent=10),
    gamma: Annotated[float, "weight of the total correlation"] = 10.0,
) -> Recipe:
    """VAE whose dimensions may say nothing twice, as an adversary sees it (Kim & Mnih, ICML 2018)."""
    in_a_plane(parts, "the total correlation")
    critic = DensityRatioTotalCorrelation(parts.latent)
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight, critic: gamma})
