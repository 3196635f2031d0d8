"""What recipes share: arguments, whose text is their help on the command line and in the docs, and their models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from torch import nn

from lunette.codes import CodeHead, DiracHead, NormalHead, Prior, StandardNormal
from lunette.images import Binarization, Corruption, Shape
from lunette.likelihoods import PixelHead, pixel_head
from lunette.models import Autoencoder, Conditional
from lunette.networks import architecture
from lunette.objectives import Objective, Schedule, Term
from lunette.recipes.registry import Recipe

LatentSize = Annotated[int, "dimensions of the code"]
Network = Annotated[str, "encoder, mirrored by the decoder: mlp:256,128 or conv:32,64/2:128 or residual:64/2,128/2"]
Likelihood = Annotated[
    str,
    "of pixels: bernoulli, continuous-bernoulli, or normal, laplace, squared-error, with a scale like normal:0.1",
]
Binarize = Annotated[Binarization, "turn pixels black and white, once (threshold) or by a new draw each time (dynamic)"]
Beta = Annotated[float, "weight of the rate"]
RateWarmup = Annotated[float, "epochs over which the weight of the rate rises from 0"]
Terms = Mapping[Term, float | Schedule]


@dataclass(frozen=True)
class Deterministic:
    """The arguments of recipes whose codes are points."""

    latent: LatentSize = 64
    network: Network = "mlp:256,128"
    likelihood: Likelihood = "squared-error"

    def recipe(
        self,
        shape: Shape,
        terms: Terms,
        prior: Prior | None = None,
        activation: nn.Module | None = None,
        corrupt: Corruption | None = None,
    ) -> Recipe:
        """Return the autoencoder with these parts and terms; `activation` bounds its codes."""
        pixels = pixel_head(self.likelihood, shape)
        model = autoencoder(self.network, DiracHead(self.latent, activation), pixels, prior, corrupt)
        return Recipe(model, Objective(terms))


@dataclass(frozen=True)
class Variational:
    """The arguments of recipes whose codes have a posterior and a prior."""

    latent: LatentSize = 20
    network: Network = "mlp:400"
    likelihood: Likelihood = "bernoulli"
    binarize: Binarize = "none"
    rate_warmup: RateWarmup = 0.0

    def recipe(self, shape: Shape, terms: Terms, samples: int = 1) -> Recipe:
        """Return the variational autoencoder with these parts and terms, of `samples` (K) draws an image."""
        pixels = pixel_head(self.likelihood, shape, self.binarize)
        model = autoencoder(self.network, NormalHead(self.latent), pixels, StandardNormal(self.latent))
        return Recipe(model, Objective(terms, samples))


def autoencoder(
    network: str, code: CodeHead, pixels: PixelHead, prior: Prior | None = None, corrupt: Corruption | None = None
) -> Autoencoder:
    """Return the model of an encoder that ends in `code` and the decoder that mirrors it and ends in `pixels`."""
    networks = architecture(network)
    encoder = Conditional(networks.encoder(pixels.shape, code.features), code)
    decoder = Conditional(code.before(networks.decoder(code.latent, pixels.shape, pixels.features)), pixels)
    return Autoencoder(encoder, decoder, prior, corrupt)
