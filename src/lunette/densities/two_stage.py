"""The second stage of the two-stage VAE."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from lunette.codes.normal import NormalHead, StandardNormal
from lunette.densities.trained import TrainedDensity
from lunette.heads import positive
from lunette.networks import mlp


class TwoStage(TrainedDensity):
    """A small VAE of the codes, with codes u of as many dimensions (Dai & Wipf, ICLR 2019).

    p(z) = ∫ N(z; f(u), γ²) N(u; 0, I) du with a learned γ; its loss is the negative evidence bound in nats.
    """

    measure = "negative_bound"

    def __init__(self, latent: int, width: int = 512, steps: int = 6000) -> None:
        super().__init__(latent, steps)
        positive("width", width)
        self.head = NormalHead(latent)
        self.encoder = mlp(latent, (width, width), self.head.features)
        self.decoder = mlp(latent, (width, width), latent)
        self.log_gamma = nn.Parameter(torch.tensor(-1.0))  # at γ = 1 the codes u would be left unused
        self.prior = StandardNormal(latent)

    def loss(self, z: Tensor, y: Tensor | None = None) -> Tensor:  # noqa: ARG002, D102
        z = self.standard(z)
        q = self.head(self.encoder(z))
        pz = Normal(self.decoder(q.rsample()), self.log_gamma.exp(), validate_args=False)
        return kl_divergence(q, self.prior()) - pz.log_prob(z).sum(-1) + self.scale.log().sum()

    def sample(self, n: int, y: Tensor | None = None, temperature: float = 1.0) -> Tensor:  # noqa: ARG002, D102
        u, noise = temperature * torch.randn(2, n, self.latent, device=self.mean.device)
        return self.restored(self.decoder(u) + self.log_gamma.exp() * noise)
