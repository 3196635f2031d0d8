"""The plain autoencoder."""

from __future__ import annotations

from lunette.codes import DiracHead
from lunette.images import Shape
from lunette.likelihoods import pixel_head
from lunette.objectives import distortion
from lunette.recipes.plain import plain
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import LatentSize, Likelihood, Network


@recipe
def autoencoder(
    shape: Shape,
    latent: LatentSize = 64,
    network: Network = "mlp:256,128",
    likelihood: Likelihood = "squared-error",
) -> Recipe:
    """Autoencoder: gives back what it is shown through a narrow code (Hinton & Salakhutdinov, Science 2006)."""
    return plain(network, DiracHead(latent), pixel_head(likelihood, shape), {distortion: 1})
