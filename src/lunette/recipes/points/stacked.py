"""The stacked autoencoder, pretrained layer by layer."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor, nn

from lunette.codes import DiracHead
from lunette.errors import LunetteError
from lunette.images import Shape
from lunette.likelihoods import PixelHead, pixel_head
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
    layers = enumerate(pairs(encoder, decoder, pixels), 1)
    return Recipe(model, objective, tuple(Stage(f"layer {i}", layer, objective, pretraining) for i, layer in layers))


class Drawn(nn.Module):
    """Features (…, F) → the mean picture that `pixels`, whose parameters are not its own, makes of them, (…, C·H·W)."""

    def __init__(self, pixels: PixelHead) -> None:
        super().__init__()
        self._pixels = (pixels,)  # a tuple hides it from parameters()

    def forward(self, features: Tensor) -> Tensor:
        """(…, F) → (…, C·H·W)."""
        return self._pixels[0](features).mean.flatten(-3)


def pairs(encoder: nn.Sequential, decoder: nn.Sequential, pixels: PixelHead) -> list[Layer]:
    """Pair the layers of an encoder (flatten, linear, ReLU, …, linear) with the decoder's; the first draws pixels."""
    return [
        Layer(encoder[:i], encoder[i : i + 2], nn.Sequential(decoder[-i], Drawn(pixels) if i == 1 else nn.ReLU()))
        for i in range(1, len(encoder), 2)
    ]
