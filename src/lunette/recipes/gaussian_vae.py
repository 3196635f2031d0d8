"""The variational autoencoder with squared error."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def gaussian_vae(shape: Shape, parts: Variational = Variational(likelihood="squared-error:0.35355339")) -> Recipe:
    """VAE with normal pixels: squared error in place of cross-entropy (Kingma & Welling, ICLR 2014).

    The default's σ = 1 / √8 on pixels in [0, 1] makes 4 Σ (x − μ)², which is the squared error of pixels in
    [−1, 1]. `normal` is the likelihood proper, and learns its σ.
    """
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
