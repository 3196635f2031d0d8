"""The normalizing flow."""

from __future__ import annotations

import torch
from torch import Tensor

from lunette.densities.trained import TrainedDensity
from lunette.heads import positive

NOISE = 0.01  # standard deviations: codes that lie on a surface would have an endless density


class Flow(TrainedDensity):
    """Neural spline flow: autoregressive rational-quadratic splines (Durkan et al., NeurIPS 2019)."""

    def __init__(self, latent: int, transforms: int = 3, width: int = 128, steps: int = 3000) -> None:
        from zuko.flows import NSF  # here, because the import takes a while

        super().__init__(latent, steps)
        positive("transforms", transforms)
        positive("width", width)
        self.flow = NSF(latent, transforms=transforms, hidden_features=(width, width))

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) (…,) of codes z (…, D), in nats."""
        return self.flow().log_prob(self.standard(z)) - self.scale.log().sum()

    def loss(self, z: Tensor, y: Tensor | None = None) -> Tensor:  # noqa: ARG002, D102
        return -self.log_prob(z + NOISE * self.scale * torch.randn_like(z))

    def sample(self, n: int, y: Tensor | None = None, temperature: float = 1.0) -> Tensor:  # noqa: ARG002, D102
        noise = temperature * torch.randn(n, self.latent, device=self.mean.device)
        return self.restored(self.flow().transform.inv(noise))
