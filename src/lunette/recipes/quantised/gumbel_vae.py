"""The variational autoencoder with categorical codes."""

from __future__ import annotations

from typing import Annotated

from lunette.codes import CategoryHead, UniformCategories
from lunette.images import Shape
from lunette.likelihoods import pixel_head
from lunette.networks import architecture
from lunette.objectives import Objective, distortion, rate, warmup
from lunette.recipes.quantised.shared import Positions
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Beta, Binarize, Likelihood, Network, RateWarmup, autoencoder


@recipe
def gumbel_vae(
    shape: Shape,
    latent: Annotated[int, "categories at each position, whose code is one-hot"] = 10,
    positions: Positions = 20,
    temperature: Annotated[float, "of the relaxed categories that it is trained with; at 0 they would be exact"] = 0.67,
    network: Network = "mlp:400",
    likelihood: Likelihood = "bernoulli",
    binarize: Binarize = "none",
    beta: Beta = 1.0,
    rate_warmup: RateWarmup = 0.0,
) -> Recipe:
    """VAE of categorical codes, relaxed by Gumbel noise and softmax (Jang et al.; Maddison et al., ICLR 2017).

    Its rate is that of the categories themselves. Once trained its codes are exact, and so is its bound.
    """
    networks, positions = architecture(network).placed(shape, positions)
    head = CategoryHead(positions, latent, temperature)
    prior = UniformCategories(positions, latent)
    model = autoencoder(networks, head, pixel_head(likelihood, shape, binarize), prior)
    return Recipe(model, Objective({distortion: 1.0, rate: warmup(beta, rate_warmup)}))
