"""The Wasserstein autoencoder by maximum mean discrepancy."""

from __future__ import annotations

from typing import Annotated

from lunette.codes import StandardNormal
from lunette.images import Shape
from lunette.objectives import KernelName, MaximumMeanDiscrepancy, distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Deterministic


@recipe
def wae(
    shape: Shape,
    parts: Deterministic = Deterministic(latent=8),
    weight: Annotated[float, "of the discrepancy of codes and prior"] = 100.0,
    kernel: Annotated[KernelName, "of the discrepancy"] = "inverse-multiquadric",
) -> Recipe:
    """Autoencoder whose points together look like draws of the prior (Tolstikhin et al., ICLR 2018)."""
    return parts.recipe(shape, {distortion: 1.0, MaximumMeanDiscrepancy(kernel): weight}, StandardNormal(parts.latent))
