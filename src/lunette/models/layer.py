"""One layer of a stacked autoencoder, trained on the features of the layers below it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Independent

from lunette.codes import Dirac
from lunette.likelihoods import UnnormalisedNormal
from lunette.models.model import LatentModel
from lunette.models.trace import Latent, Trace


class Layer(LatentModel):
    """Codes the features h = below(x) and draws them again; x in its trace is h (N, F), not the images.

    `below` is not trained and is not a part of it: its parameters belong to the layers before.
    """

    def __init__(self, below: nn.Module, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self._below = (below,)  # a tuple hides it from parameters()
        self.encoder = encoder
        self.decoder = decoder

    def trace(self, x: Tensor, y: Tensor | None = None, samples: int = 1) -> Trace:  # noqa: ARG002, D102
        with torch.no_grad():
            h = self._below[0](x)
        q = Dirac(self.encoder(h))
        z = q.rsample((samples,))
        # σ² = ½: its distortion is the squared error.
        ph = Independent(UnnormalisedNormal(self.decoder(z), 0.5**0.5, validate_args=False), 1)
        return Trace(h, (Latent(z, q, None),), ph)
