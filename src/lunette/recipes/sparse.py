"""The sparse autoencoder."""

from __future__ import annotations

from typing import Annotated

from torch import nn

from lunette.codes import DiracHead
from lunette.images import Shape
from lunette.likelihoods import pixel_head
from lunette.objectives import Sparsity, distortion
from lunette.recipes.plain import plain
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import LatentSize, Likelihood, Network


@recipe
def sparse(
    shape: Shape,
    latent: LatentSize = 64,
    target: Annotated[float, "mean activation that each unit of the code is drawn to"] = 0.05,
    weight: Annotated[float, "weight of the sparsity term"] = 1.0,
    network: Network = "mlp:256,128",
    likelihood: Likelihood = "squared-error",
) -> Recipe:
    """Sparse autoencoder: few units of its code are active at a time (Ng, CS294A notes 2011)."""
    code = DiracHead(latent, activation=nn.Sigmoid())
    return plain(network, code, pixel_head(likelihood, shape), {distortion: 1, Sparsity(target): weight})
