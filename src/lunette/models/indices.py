"""The indices of an autoencoder's codes, as what a prior learns."""

from __future__ import annotations

import torch
from torch import Tensor

from lunette.codes import SequencePrior, Sequences, Tokens
from lunette.models.autoencoder import Autoencoder
from lunette.models.model import LatentModel
from lunette.models.trace import Trace


class Indices(LatentModel):
    """Learns the prior of `coder`, whose codes are fixed by now: x in its trace is their indices (1, N, T).

    Its distortion is −log p(indices), in nats. The coder is not trained and is not a part of it.
    """

    def __init__(self, coder: Autoencoder, prior: SequencePrior) -> None:
        super().__init__(prior)
        self._coder = (coder,)  # a tuple hides it from parameters()
        self.network = prior.network

    def trace(self, x: Tensor, y: Tensor | None = None, samples: int = 1) -> Trace:  # noqa: ARG002, D102
        coder = self._coder[0]
        with torch.no_grad():
            q = coder.encoder(coder.decoder.head.target(x), y)
        assert isinstance(q, Tokens)
        return Trace(q.indices.flatten(1)[None], (), Sequences(self.network))
