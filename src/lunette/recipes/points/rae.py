"""The regularised autoencoder."""

from __future__ import annotations

from typing import Annotated, Literal

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from lunette.images import Shape
from lunette.objectives import code_norm, decoder_gradient, decoder_weights, distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Deterministic, Terms

PENALTIES = {"l2": decoder_weights, "gradient": decoder_gradient}


@recipe
def rae(
    shape: Shape,
    parts: Deterministic = Deterministic(latent=16),
    penalty: Annotated[
        Literal["l2", "gradient", "spectral"],
        "what keeps the decoder smooth; spectral norm is built in and costs nothing",
    ] = "l2",
    code_weight: Annotated[float, "weight of half the squared length of codes"] = 0.01,
    decoder_weight: Annotated[float, "weight of the penalty of the decoder"] = 0.001,
) -> Recipe:
    """Autoencoder whose codes and decoder are kept small; fit-prior draws from it (Ghosh et al., ICLR 2020)."""
    smooth: Terms = {PENALTIES[penalty]: decoder_weight} if penalty in PENALTIES else {}
    made = parts.recipe(shape, {distortion: 1.0, code_norm: code_weight, **smooth})
    if penalty == "spectral":
        for layer in list(made.model.get_submodule("decoder").modules()):
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                spectral_norm(layer)  # its weight's largest singular value is 1
    return made
