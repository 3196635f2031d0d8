"""Autoencoders whose posterior moves by Hamiltonian dynamics towards the codes that explain the image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from lunette.codes import Curved, Flat, HamiltonianPosterior, Leapfrog, Prior, tempered
from lunette.errors import LunetteError
from lunette.heads import positive
from lunette.images import Shape
from lunette.models.autoencoder import Autoencoder
from lunette.models.conditional import Conditional
from lunette.models.model import LatentModel
from lunette.models.trace import Latent, Trace


class Metric(nn.Module):
    """A learned metric of codes: centroids are the posterior means of some pictures, factors L those of a network.

    The pictures (M, C, H, W), uint8, are noise at first; `renew` replaces them in order. The `network` gives
    images D (D + 1) / 2 features: L has 2 · sigmoid of the first D on its diagonal, and tanh of the rest below it.
    So G⁻¹ is bounded; factors free to grow would, early in training, until no leapfrog step converges.
    """

    pictures: Tensor
    place: Tensor

    def __init__(
        self, network: nn.Module, shape: Shape, latent: int, centroids: int, reach: float, floor: float
    ) -> None:
        super().__init__()
        for name, value in (("centroids", centroids), ("reach", reach), ("floor", floor)):
            positive(f"the metric's {name}", value)
        self.network = network
        self.latent = latent
        self.reach = reach
        self.floor = floor
        self.register_buffer("pictures", torch.randint(256, (centroids, *shape), dtype=torch.uint8))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    def forward(self, encoder: Conditional) -> Curved:
        """Return the geometry that the pictures make, with gradient to `encoder` and network."""
        x = self.pictures / 255
        diagonal, below = self.network(x).split([self.latent, self.latent * (self.latent - 1) // 2], dim=-1)
        factors = torch.diag_embed(2 * diagonal.sigmoid())
        row, column = torch.tril_indices(self.latent, self.latent, -1)
        factors[:, row, column] = below.tanh()
        return Curved(encoder(x).mean, factors, self.reach, self.floor)

    def renew(self, x: Tensor) -> None:
        """Replace the oldest pictures by those of x (N, C, H, W), in [0, 1]."""
        M = len(self.pictures)
        x = (x.detach()[:M] * 255).round().to(torch.uint8)
        self.pictures[(self.place + torch.arange(len(x), device=x.device)) % M] = x
        self.place.add_(len(x)).remainder_(M)


class Hamiltonian(LatentModel):
    """The parts of a variational autoencoder, and leapfrog steps on U(z) = −log p(x, z) from its posterior's draw.

    Without `steps` it is that autoencoder. With a `metric` the steps are Riemannian, and codes are drawn from
    the metric's volume √det G⁻¹ rather than from the prior.

    Sources: Caterini, Doucet, Sejdinovic, "Hamiltonian Variational Auto-Encoder", NeurIPS 2018; Chadebec,
    Mantoux, Allassonnière, "Geometry-Aware Hamiltonian Variational Auto-Encoder", 2020.
    """

    prior: Prior

    def __init__(self, parts: Autoencoder, steps: Leapfrog | None = None, metric: Metric | None = None) -> None:
        super().__init__(parts.prior)
        if parts.prior is None:
            raise LunetteError("leapfrog steps follow the slope of log p(x, z), which needs a prior p(z)")
        if parts.prior.space != "plane":
            raise LunetteError(
                "leapfrog steps go straight on, and would leave a sphere or a ball: use codes of a plane"
            )
        if steps and parts.likelihood.batchwise:
            raise LunetteError(
                "leapfrog steps follow log p(x | z) of each picture by itself, and in the likelihood optimal-normal it "
                "depends on the others of the batch: use normal, which learns its σ"
            )
        if metric and not steps:
            raise LunetteError("a metric is learned by the leapfrog steps over it: use 1 step or more")
        self.encoder = parts.encoder
        self.decoder = parts.decoder
        self.steps = steps
        self.metric = metric

    @property
    def moves_codes(self) -> bool:
        """Whether there are steps: the density of what they make is that of their draws, with their momenta."""
        return self.steps is not None

    @property
    def why_no_onnx(self) -> str:
        """The metric's part in it."""
        return (
            ""
            if self.metric is None
            else ("the steps of its posterior over a metric invert matrices, for which ONNX has no operator")
        )

    def posterior(self, x: Tensor, y: Tensor | None = None) -> Distribution:
        """Return q(z | x) of the images x (N, C, H, W) that the decoder is to draw."""
        start = self.encoder(x, y)
        if self.steps is None:
            return start

        def potential(z: Tensor) -> Tensor:
            return -self.decoder(z, y).log_prob(x) - self.prior(y).log_prob(z)

        geometry = self.metric(self.encoder) if self.metric else Flat()
        return HamiltonianPosterior(start, self.steps, potential, geometry)

    def trace(self, x: Tensor, y: Tensor | None = None, samples: int = 1) -> Trace:  # noqa: D102
        x = self.decoder.head.target(x)
        q = self.posterior(x, y)
        z = q.rsample(torch.Size((samples,)))
        return Trace(x, (Latent(z, q, self.prior(y)),), self.decoder(z, y))

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, ...]:  # noqa: D102
        return (self.posterior(self.decoder.head.mean_target(x), y).mean,)

    def draw(self, n: int, y: Tensor | None = None, temperature: float = 1.0) -> tuple[Tensor, ...]:  # noqa: D102
        p = self.prior(y)
        if self.metric:
            if temperature != 1:
                raise LunetteError(
                    "codes are drawn from the metric's volume, which has no mean: leave temperature at 1"
                )
            z = self.metric(self.encoder).draw(n).float()
        else:
            z = p.sample(torch.Size() if p.batch_shape else torch.Size((n,)))  # its batch is of labels, if any
        return (tempered(p, z, temperature),)

    def decode(self, z: tuple[Tensor, ...], y: Tensor | None = None) -> Distribution:  # noqa: D102
        return self.decoder(z[0], y)
