"""The hierarchical variational autoencoder."""

from __future__ import annotations

from typing import Annotated

from lunette.codes import StandardNormal
from lunette.heads import positive
from lunette.images import Shape
from lunette.likelihoods import pixel_head
from lunette.models import Ladder
from lunette.networks import architecture, topmost
from lunette.objectives import Objective, RungRate, distortion, rate, warmup
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Beta, Binarize, Likelihood, Network, RateWarmup, Terms


@recipe
def ladder(
    shape: Shape,
    latent: Annotated[int, "dimensions of the code on each rung; with convolutions, at each of its places"] = 20,
    rungs: Annotated[int, "rungs of codes, one on each of the network's last layers"] = 3,
    network: Network = "mlp:512,256,128",
    likelihood: Likelihood = "bernoulli",
    binarize: Binarize = "none",
    beta: Beta = 1.0,
    rate_warmup: RateWarmup = 0.0,
) -> Recipe:
    """Ladder VAE: codes on several rungs, each drawn given those above it (Sønderby et al., NeurIPS 2016)."""
    positive("latent", latent)
    pixels = pixel_head(likelihood, shape, binarize)
    levels = topmost(architecture(network).levels(shape, pixels.features), rungs)
    model = Ladder(levels, latent, pixels, StandardNormal(latent * levels[-1].places))
    each: Terms = {RungRate(rung): 0.0 for rung in range(1, rungs + 1)}  # looked at: which rungs are used
    return Recipe(model, Objective({distortion: 1, rate: warmup(beta, rate_warmup), **each}))
