"""The variational autoencoder."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import distortion, rate, warmup
from lunette.recipes.plain import Terms, variational
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Binarize, LatentSize, Likelihood, Network, RateWarmup


@recipe
def vae(
    shape: Shape,
    latent: LatentSize = 20,
    network: Network = "mlp:400",
    likelihood: Likelihood = "bernoulli",
    binarize: Binarize = "none",
    rate_warmup: RateWarmup = 0.0,
) -> Recipe:
    """Variational autoencoder: codes that can be drawn from a known prior (Kingma & Welling, ICLR 2014)."""
    terms: Terms = {distortion: 1.0, rate: warmup(1, rate_warmup)}
    return variational(shape, latent, network, likelihood, binarize, terms)
