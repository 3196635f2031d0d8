"""The VAE with a learned similarity."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from torch import nn

from lunette.images import Shape
from lunette.models import Autoencoder
from lunette.networks import architecture
from lunette.objectives import Balanced, FeatureDistance, FromStep, Objective, PictureCritic, Schedule, Term, distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational

FEATURES = 128  # in which pictures are compared


@recipe
def vae_gan(
    shape: Shape,
    parts: Variational = Variational(),
    similarity: Annotated[float, "weight of the distance in a critic's features"] = 1.0,
    realism: Annotated[float, "weight of what it costs that the critic can tell drawn pictures"] = 1.0,
    balance: Annotated[
        bool, "weigh realism so that its gradient at the decoder's last layer is as long as the distortion's"
    ] = False,
    start: Annotated[int, "steps before realism counts: the critic learns first"] = 0,
    distortion_weight: Annotated[
        float, "weight of the distortion of pixels; 0 in the paper, which is less stable"
    ] = 1.0,
) -> Recipe:
    """VAE whose pictures are compared by what a critic sees in them (Larsen et al., ICML 2016)."""
    critic = PictureCritic(
        architecture(parts.network).encoder(shape, FEATURES), nn.Sequential(nn.ReLU(), nn.Linear(FEATURES, 1))
    )
    terms: dict[Term, float | Schedule] = {
        FeatureDistance(critic): similarity,
        critic: realism,
        parts.rate: parts.rate_weight,
        distortion: distortion_weight,
    }
    made = parts.recipe(shape, terms)
    if balance:
        assert isinstance(made.model, Autoencoder)
        last = list(made.model.decoder.network.parameters())[-2]  # its weights; its bias follows
        terms[critic] = Balanced(realism, "distortion", last)
    if start:
        terms[critic] = FromStep(terms[critic], start)
    return replace(made, objective=Objective(terms))
