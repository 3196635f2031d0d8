"""The mixture of normals with full covariances."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from lunette.densities.density import CodeSet, Density
from lunette.errors import LunetteError
from lunette.heads import positive
from lunette.progress import Progress
from lunette.randomness import stream

MOST_CODES = 100_000  # more would not change so few parameters
ROUNDS = 200  # of expectation and maximisation


class Mixture(Density):
    """Σ πₖ N(meanₖ, covarianceₖ), found by expectation–maximisation (Dempster et al., JRSS B 1977)."""

    log_weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, latent: int, components: int = 10) -> None:
        super().__init__(latent)
        positive("components", components)
        self.components = components
        self.register_buffer("log_weights", torch.zeros(components))
        self.register_buffer("means", torch.zeros(components, latent))
        self.register_buffer("factors", torch.eye(latent).repeat(components, 1, 1))  # lower triangular

    def fit(self, codes: CodeSet, held_out: CodeSet, seed: int) -> Iterator[Progress]:  # noqa: ARG002, D102
        from sklearn.exceptions import ConvergenceWarning  # here, because the import takes a second
        from sklearn.mixture import GaussianMixture

        z = codes.z.flatten(0, 1)[:MOST_CODES].cpu().double().numpy()
        if len(z) < self.components:
            raise LunetteError(f"{len(z)} codes cannot make {self.components} components: ask for fewer")
        mixture = GaussianMixture(self.components, max_iter=ROUNDS, random_state=stream(seed, "mixture") % 2**32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # what is still moving then moves little
            mixture.fit(z)
        self.log_weights.copy_(torch.from_numpy(mixture.weights_).log())
        self.means.copy_(torch.from_numpy(mixture.means_))
        self.factors.copy_(torch.linalg.cholesky(torch.from_numpy(mixture.covariances_)))
        return iter(())

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) (…,) of codes z (…, D), in nats."""
        parts = MultivariateNormal(self.means, scale_tril=self.factors, validate_args=False)
        which = Categorical(logits=self.log_weights, validate_args=False)
        return MixtureSameFamily(which, parts, validate_args=False).log_prob(z)

    def loss(self, z: Tensor, y: Tensor | None = None) -> Tensor:  # noqa: ARG002, D102
        return -self.log_prob(z)

    def sample(self, n: int, y: Tensor | None = None, temperature: float = 1.0) -> Tensor:  # noqa: ARG002, D102
        which = torch.multinomial(self.log_weights.exp(), n, replacement=True)
        z = temperature * torch.randn(n, self.latent, device=self.means.device)
        for k in range(self.components):
            z[which == k] = self.means[k] + z[which == k] @ self.factors[k].T
        return z
