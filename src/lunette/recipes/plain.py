"""The two ways in which most recipes put a model together."""

from __future__ import annotations

from collections.abc import Mapping

from lunette.codes import CodeHead, NormalHead, Prior, StandardNormal
from lunette.images import Corruption, Shape
from lunette.likelihoods import PixelHead, pixel_head
from lunette.models import Autoencoder, Conditional
from lunette.networks import architecture
from lunette.objectives import Objective, Schedule, Term
from lunette.recipes.registry import Recipe
from lunette.recipes.shared import Binarize

Terms = Mapping[Term, float | Schedule]


def plain(
    network: str,
    code: CodeHead,
    pixels: PixelHead,
    terms: Terms,
    prior: Prior | None = None,
    corrupt: Corruption | None = None,
) -> Recipe:
    """An encoder that ends in `code`, the decoder that mirrors it and ends in `pixels`, and the terms."""
    networks = architecture(network)
    encoder = Conditional(networks.encoder(pixels.shape, code.features), code)
    decoder = Conditional(networks.decoder(code.latent, pixels.shape, pixels.features), pixels)
    return Recipe(Autoencoder(encoder, decoder, prior, corrupt), Objective(terms))


def variational(shape: Shape, latent: int, network: str, likelihood: str, binarize: Binarize, terms: Terms) -> Recipe:
    """A plain model with a normal posterior and the standard normal prior."""
    pixels = pixel_head(likelihood, shape, binarize)
    return plain(network, NormalHead(latent), pixels, terms, prior=StandardNormal(latent))
