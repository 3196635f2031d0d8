"""The stacked autoencoder, pretrained layer by layer."""

from __future__ import annotations

from typing import Annotated

from torch import nn

from lunette.codes import DiracHead
from lunette.errors import LunetteError
from lunette.images import Shape
from lunette.likelihoods import pixel_head
from lunette.models import Autoencoder, Conditional, Layer
from lunette.networks import Mlp, architecture
from lunette.objectives import Objective, distortion
from lunette.recipes.registry import Recipe, Stage, recipe
from lunette.recipes.shared import Deterministic


@recipe
def stacked(
    shape: Shape,
    parts: Deterministic = Deterministic(),
    pretraining: Annotated[int, "epochs for each layer before all are trained together"] = 5,
) -> Recipe:
    """Stacked autoencoder: each layer first learns to code the one below it (Bengio et al., NeurIPS 2006)."""
    dense = architecture(parts.network)
    if not isinstance(dense, Mlp):
        raise LunetteError(f"a stacked autoencoder is made of dense layers, like mlp:256,128, not of {parts.network!r}")
    code, pixels = DiracHead(parts.latent), pixel_head(parts.likelihood, shape)
    encoder, decoder = dense.encoder(shape, code.features), dense.decoder(code.latent, shape, pixels.features)
    model = Autoencoder(Conditional(encoder, code), Conditional(decoder, pixels))
    objective = Objective({distortion: 1})
    stages = [Stage(f"layer {i}", layer, objective, pretraining) for i, layer in enumerate(pairs(encoder, decoder), 1)]
    return Recipe(model, objective, tuple(stages))


def pairs(encoder: nn.Sequential, decoder: nn.Sequential) -> list[Layer]:
    """Pair the layers of an encoder (flatten, linear, ReLU, …, linear) with the decoder's, the first ones first.

    The first layer draws pixels, in [0, 1]; each other one draws what the ReLU below it gives.
    """
    layers = []
    for i in range(1, len(encoder), 2):
        bounds = nn.Sigmoid() if i == 1 else nn.ReLU()
        layers.append(Layer(encoder[:i], encoder[i : i + 2], nn.Sequential(decoder[-i], bounds)))
    return layers
