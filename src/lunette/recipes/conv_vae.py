"""The convolutional variational autoencoder with a latent plane."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def conv_vae(
    shape: Shape,
    parts: Variational = Variational(latent=2, network="conv:32,64/2,64,64:32", beta=0.392),
) -> Recipe:
    """Convolutional VAE whose codes are points of a plane (Kingma & Welling, ICLR 2014).

    A loss that adds 5e-4 · rate to the mean cross-entropy of 28×28 pixels is β = 5e-4 · 784 = 0.392 in nats
    an image.
    """
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
