"""The autoencoder of one rung: plain, denoising, sparse or variational, by its heads and its prior."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

from lunette.codes import Prior, SequencePrior, tempered
from lunette.errors import Unsupported
from lunette.images import Corruption
from lunette.models.conditional import Conditional
from lunette.models.model import LatentModel
from lunette.models.trace import Latent, Trace


class Autoencoder(LatentModel):
    """Encoder q(z | x), decoder p(x | z) and prior p(z).

    Without a prior it cannot draw. With `corrupt`, the encoder of a trace sees a damaged copy of the images.
    """

    def __init__(
        self,
        encoder: Conditional,
        decoder: Conditional,
        prior: Prior | None = None,
        corrupt: Corruption | None = None,
    ) -> None:
        super().__init__(prior, corrupt)
        self.encoder = encoder
        self.decoder = decoder

    def trace(self, x: Tensor, y: Tensor | None = None, samples: int = 1) -> Trace:  # noqa: D102
        x = self.decoder.head.target(x)
        q = self.encoder(self.corrupt(x) if self.corrupt else x, y)
        z = q.rsample(torch.Size((samples,)))
        p = self.prior(y) if self.prior else None
        return Trace(x, (Latent(z, q, p),), self.decoder(z, y))

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, ...]:  # noqa: D102
        return (self.encoder(self.decoder.head.mean_target(x), y).mean,)

    def draw(self, n: int, y: Tensor | None = None, temperature: float = 1.0) -> tuple[Tensor, ...]:  # noqa: D102
        if self.prior is None:
            raise Unsupported(
                "this model has no prior, so nothing says which codes to draw: an autoencoder gives back what it "
                "is shown; train a variational one, such as 'vae', to make new images"
            )
        if isinstance(self.prior, SequencePrior):
            return (self.prior(y, temperature).sample((n,)),)
        p = self.prior(y)
        z = p.sample(torch.Size() if p.batch_shape else torch.Size((n,)))  # its batch is of labels, where it has any
        return (tempered(p, z, temperature),)

    def decode(self, z: tuple[Tensor, ...], y: Tensor | None = None) -> Distribution:  # noqa: D102
        return self.decoder(z[0], y)
