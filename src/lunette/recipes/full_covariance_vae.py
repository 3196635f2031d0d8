"""The variational autoencoder whose posterior has all covariances."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def full_covariance_vae(shape: Shape, parts: Variational = Variational(posterior="full")) -> Recipe:
    """VAE whose posterior is a normal with all covariances (Kingma & Welling, FnT Machine Learning 2019)."""
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
