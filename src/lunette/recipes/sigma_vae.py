"""The variational autoencoder with normal pixels of the best variance."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def sigma_vae(shape: Shape, parts: Variational = Variational(likelihood="optimal-normal")) -> Recipe:
    """VAE with normal pixels of the batch's best σ, which balances rate and distortion (Rybkin et al., ICML 2021).

    It stands where a β-VAE with squared error needs its β tuned. `normal` learns σ by gradient instead.
    """
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
