"""The stacked autoencoder, pretrained layer by layer."""

from __future__ import annotations

from typing import Annotated

from torch import nn

from lunette.errors import LunetteError
from lunette.images import Shape
from lunette.latents import DiracHead
from lunette.likelihoods import pixel_head
from lunette.models import Layer
from lunette.networks import Mlp, architecture
from lunette.objectives import Objective, distortion
from lunette.recipes.shared import LatentSize, Likelihood, Network
from lunette.recipes.plain import plain
from lunette.recipes.registry import Recipe, Stage, recipe


@recipe
def stacked(
    shape: Shape,
    latent: LatentSize = 64,
    pretraining: Annotated[int, "epochs for each layer before all are trained together"] = 5,
    network: Network = "mlp:256,128",
    likelihood: Likelihood = "squared-error",
) -> Recipe:
    """Stacked autoencoder: each layer first learns to code the one below it (Bengio et al., NeurIPS 2006)."""
    if not isinstance(architecture(network), Mlp):
        raise LunetteError(f"a stacked autoencoder is made of dense layers, like mlp:256,128, not of {network!r}")
    whole = plain(network, DiracHead(latent), pixel_head(likelihood, shape), {distortion: 1})
    stages = [
        Stage(f"layer {i + 1}", layer, Objective({distortion: 1}), pretraining)
        for i, layer in enumerate(layers(whole.model.encoder.network, whole.model.decoder.network))
    ]
    return Recipe(whole.model, whole.objective, tuple(stages))


def layers(encoder: nn.Sequential, decoder: nn.Sequential) -> list[Layer]:
    """Pair the layers of an encoder (flatten, linear, ReLU, …, linear) with the decoder's, the first ones first.

    The first layer draws pixels, in [0, 1]; each other one draws what the ReLU below it gives.
    """
    pairs = []
    for i in range(1, len(encoder), 2):
        bounds = nn.Sigmoid() if i == 1 else nn.ReLU()
        pairs.append(Layer(encoder[:i], encoder[i : i + 2], nn.Sequential(decoder[-i], bounds)))
    return pairs
