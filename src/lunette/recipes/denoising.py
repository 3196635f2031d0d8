"""The denoising autoencoder."""

from __future__ import annotations

from typing import Annotated, Literal

from lunette.codes import DiracHead
from lunette.images import Shape, corruption
from lunette.likelihoods import pixel_head
from lunette.objectives import distortion
from lunette.recipes.plain import plain
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import LatentSize, Likelihood, Network


@recipe
def denoising(
    shape: Shape,
    latent: LatentSize = 64,
    noise: Annotated[Literal["normal", "masking", "salt-and-pepper"], "how its input is damaged"] = "normal",
    level: Annotated[float, "standard deviation of normal noise, or share of the pixels that are damaged"] = 0.3,
    network: Network = "mlp:256,128",
    likelihood: Likelihood = "squared-error",
) -> Recipe:
    """Denoising autoencoder: draws the clean image from a damaged one (Vincent et al., ICML 2008)."""
    pixels = pixel_head(likelihood, shape)
    return plain(network, DiracHead(latent), pixels, {distortion: 1}, corrupt=corruption(noise, level))
