"""The normal distribution with full covariance."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from lunette.densities.density import CodeSet, Density
from lunette.progress import Progress

RIDGE = 1e-6  # of the mean variance, added to each: codes that lie in a plane have a density, too


class Gaussian(Density):
    """N(mean, covariance) of the codes, by their moments (Ghosh et al., ICLR 2020, fit one to the codes of the RAE)."""

    mean: Tensor
    factor: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__(latent)
        self.register_buffer("mean", torch.zeros(latent))
        self.register_buffer("factor", torch.eye(latent))  # L, lower triangular, of the covariance L Lᵀ

    def fit(self, codes: CodeSet, held_out: CodeSet, seed: int) -> Iterator[Progress]:  # noqa: ARG002, D102
        z = codes.z.flatten(0, 1).double()
        covariance = torch.cov(z.T, correction=0).reshape(self.latent, self.latent)
        ridge = RIDGE * covariance.diagonal().mean().clamp_min(RIDGE)
        self.mean.copy_(z.mean(0))
        self.factor.copy_(torch.linalg.cholesky(covariance + ridge * torch.eye(self.latent).to(covariance)))
        return iter(())

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) (…,) of codes z (…, D), in nats."""
        return MultivariateNormal(self.mean, scale_tril=self.factor, validate_args=False).log_prob(z)

    def loss(self, z: Tensor, y: Tensor | None = None) -> Tensor:  # noqa: ARG002, D102
        return -self.log_prob(z)

    def sample(self, n: int, y: Tensor | None = None, temperature: float = 1.0) -> Tensor:  # noqa: ARG002, D102
        noise = temperature * torch.randn(n, self.latent, device=self.mean.device)
        return self.mean + noise @ self.factor.T
