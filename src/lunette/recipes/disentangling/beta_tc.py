"""The β-TC-VAE."""

from __future__ import annotations

from typing import Annotated

from lunette.images import Shape
from lunette.objectives import DimensionWiseRate, EstimatorName, MutualInformation, TotalCorrelation, distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Sampled, Terms


@recipe
def beta_tc(
    shape: Shape,
    parts: Sampled = Sampled(latent=10),
    alpha: Annotated[float, "weight of the mutual information of pictures and codes"] = 1.0,
    beta: Annotated[float, "weight of the total correlation"] = 6.0,
    gamma: Annotated[float, "weight of each dimension's distance from the prior"] = 1.0,
    estimator: Annotated[EstimatorName, "of the codes' density over all training pictures, by a batch"] = "stratified",
) -> Recipe:
    """VAE whose dimensions may say nothing twice: a weight for each part of the rate (Chen et al., NeurIPS 2018)."""
    parts_of_rate: Terms = {
        MutualInformation(estimator): alpha,
        TotalCorrelation(estimator): beta,
        DimensionWiseRate(estimator): gamma,
    }
    return parts.recipe(shape, {distortion: 1.0, **parts_of_rate})
