"""The variational autoencoder with normal pixels of the best variance."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion, rate, warmup
from lunette.recipes.plain import Terms, variational
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import LatentSize, Likelihood, Network, RateWarmup


@recipe
def sigma_vae(
    shape: Shape,
    latent: LatentSize = 20,
    network: Network = "mlp:400",
    likelihood: Likelihood = "optimal-normal",
    rate_warmup: RateWarmup = 0.0,
) -> Recipe:
    """VAE with normal pixels of the batch's best σ, which balances rate and distortion (Rybkin et al., ICML 2021).

    It stands where a β-VAE with squared error needs its β tuned. `normal` learns σ by gradient instead.
    """
    terms: Terms = {distortion: 1.0, rate: warmup(1, rate_warmup)}
    return variational(shape, latent, network, likelihood, "none", terms)
