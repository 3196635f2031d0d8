"""Codes on a sphere: the von Mises–Fisher distribution as a posterior, the uniform one as a prior."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution, register_kl

from lunette.codes.curved.bessel import log_bessel
from lunette.codes.head import CodeHead, wide
from lunette.codes.posteriors import POSTERIORS
from lunette.codes.prior import Prior
from lunette.codes.priors import PRIORS
from lunette.errors import LunetteError
from lunette.heads import single
from lunette.networks import Charted
from lunette.randomness import noise

PROPOSALS = 16  # each is accepted with probability 0.66 or more, so that all are refused once in 3e7 draws


class VonMisesFisher(Distribution):
    """p(z) ∝ exp(κ μ·z) on the sphere |z| = 1 of R^D, a density with respect to its area.

    `direction` is μ (…, D) with |μ| = 1, `concentration` κ ≥ 0 (…); D ≥ 2. κ = 0 is the uniform distribution.
    Source: Davidson, Falorsi, De Cao, Kipf, Tomczak, "Hyperspherical Variational Auto-Encoders", UAI 2018.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)
    has_rsample = True

    def __init__(self, direction: Tensor, concentration: Tensor) -> None:
        self.direction = direction
        self.concentration = concentration
        super().__init__(concentration.shape, direction.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """μ (…, D), the mean direction: a point of the sphere, as the mean E z = A(κ) μ within it is not."""
        return self.direction

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return z = cos φ μ + sin φ v (*sample_shape, …, D), v of length 1 at right angles to μ.

        Autograd has the gradient of means E f(z) in κ and μ: φ moves with κ along its quantile, and v turns
        with μ on the shortest way.
        """
        shape = self._extended_shape(torch.Size(sample_shape))
        φ = self._angle(shape[:-1]).unsqueeze(-1)
        μ = self.direction.detach()
        v = noise(torch.randn, shape, μ, batch_dim=-2)
        v = F.normalize(v - (v * μ).sum(-1, keepdim=True) * μ, dim=-1)
        v = v - (v * self.direction).sum(-1, keepdim=True) * self.direction  # − 0, for its gradient
        return φ.cos().to(v.dtype) * self.direction + φ.sin().to(v.dtype) * v

    def _angle(self, shape: torch.Size) -> Tensor:
        """Draw the angle φ between z and μ by Wood's rejection from an envelope, with symmetric beta Z.

        The number of proposals is fixed, so that an image's draws never depend on those of its neighbours.
        Source: Wood, Communications in Statistics 23(1), 1994; Z as in Devroye, "Non-Uniform Random Variate
        Generation", 1986, §IX.4.
        """
        κ, m = wide(self.concentration), self.event_shape[0] - 1
        u = wide(noise(torch.rand, (PROPOSALS, 3, *shape), self.direction, batch_dim=-1))
        with torch.no_grad():
            radius = (1 - u[:, 0] ** (2 / (m - 1) if m > 1 else math.inf)).sqrt()
            tiny = torch.finfo(u.dtype).eps
            z = ((1 + radius * (2 * math.pi * u[:, 1]).cos()) / 2).clamp(tiny, 1 - tiny)
            b = m / (2 * κ + (4 * κ.square() + m**2).sqrt())
            y = 2 * b * z / (1 - (1 - b) * z)  # 1 − cos φ: κ may be so large that cos φ would round to 1
            log_ratio = κ * (2 * b / (1 + b) - y) + m * ((2 * b + (1 - b) * y) * (1 + b) / (4 * b)).log()
            first = (log_ratio >= u[:, 2].log()).int().argmax(0, keepdim=True)
            φ = 2 * (y.gather(0, first)[0] / 2).sqrt().asin()
        return φ + self._slope(φ) * (κ - κ.detach()) if κ.requires_grad else φ

    @torch.no_grad()
    def _slope(self, φ: Tensor) -> Tensor:
        """∂φ/∂κ of the quantile φ: −∫_0^φ (cos θ − A) h(θ) dθ / h(φ), h(θ) = sin^{D−2} θ exp(κ cos θ).

        Source: Figurnov, Mohamed, Mnih, "Implicit Reparameterization Gradients", NeurIPS 2018.
        """
        κ, D = wide(self.concentration), self.event_shape[0]
        x, weights = legendre(φ.device, φ.dtype)
        _, A = log_bessel(D / 2 - 1, κ)
        φ, κ, A = φ.unsqueeze(-1), κ.unsqueeze(-1), A.unsqueeze(-1)
        θ = φ * x
        rise = 2 * ((φ + θ) / 2).sin() * ((φ - θ) / 2).sin()  # cos θ − cos φ
        h = ((D - 2) * (θ.sin() / φ.sin()).log() + κ * rise).exp()
        return -(φ * weights * (θ.cos() - A) * h).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density at `value` (…, D) with |value| = 1: κ μ·z − log C, written as −κ |z − μ|² / 2 − log(C / e^κ)."""
        log, _ = self._bessel()
        apart = wide(value - self.direction).square().sum(-1)
        return (-wide(self.concentration) * apart / 2 - log).to(value.dtype)

    def entropy(self) -> Tensor:
        """−E log p(z) = log C − κ A(κ) nats, (…); A(κ) = I_{D/2}(κ) / I_{D/2−1}(κ) is the length of E z."""
        log, A = self._bessel()
        return (log + wide(self.concentration) * (1 - A)).to(self.direction.dtype)

    def _bessel(self) -> tuple[Tensor, Tensor]:
        """log(C / e^κ) for C = (2π)^{D/2} I_{D/2−1}(κ) / κ^{D/2−1}, and A(κ)."""
        D = self.event_shape[0]
        log, A = log_bessel(D / 2 - 1, wide(self.concentration))
        return log + D / 2 * math.log(2 * math.pi), A


@functools.cache
def legendre(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return nodes and weights of Gauss–Legendre integration over [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    return torch.tensor((nodes + 1) / 2).to(device, dtype), torch.tensor(weights / 2).to(device, dtype)


class UniformOnSphere(Distribution):
    """The uniform distribution on the sphere |z| = 1 of R^D; `mean` (D) is its centre, 0."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)
    has_rsample = True

    def __init__(self, mean: Tensor) -> None:
        self._mean = mean
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """E z = 0, (D); it lies within the sphere, not on it."""
        return self._mean

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return points (*sample_shape, D) of length 1."""
        shape = self._extended_shape(torch.Size(sample_shape))
        return F.normalize(noise(torch.randn, shape, self._mean, batch_dim=-2), dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return −log area, (…)."""
        return value.new_full(value.shape[:-1], -self.log_area())

    def log_area(self) -> float:
        """Log of 2 π^{D/2} / Γ(D/2)."""
        D = self.event_shape[0]
        return math.log(2) + D / 2 * math.log(math.pi) - math.lgamma(D / 2)


@register_kl(VonMisesFisher, UniformOnSphere)  # type: ignore[untyped-decorator]
def _(q: VonMisesFisher, p: UniformOnSphere) -> Tensor:
    return p.log_area() - q.entropy()


@POSTERIORS.register("sphere")
class SphereHead(CodeHead):
    """Features (…, D + 1) → von Mises–Fisher: a direction of any length, and κ = 1 + softplus(the last one).

    The 1 keeps the directions from having no say at all. Raises LunetteError for D < 2.
    """

    space = "sphere"

    def __init__(self, latent: int) -> None:
        super().__init__(latent, features=latent + 1)
        if latent < 2:
            raise LunetteError(f"a sphere takes a code of 2 dimensions or more, not {latent}")

    def forward(self, features: Tensor) -> VonMisesFisher:
        """(…, D + 1) → batch (…), event (D)."""
        direction, concentration = single(features).split([self.latent, 1], dim=-1)
        return VonMisesFisher(F.normalize(direction, dim=-1), 1 + F.softplus(concentration.squeeze(-1)))

    def before(self, network: nn.Module) -> Charted:
        """Return `network` after codes are put on the sphere, which those between two others are not."""
        return Charted(functools.partial(F.normalize, dim=-1), network)


@PRIORS.register("sphere")
class SpherePrior(Prior):
    """The uniform prior on the sphere |z| = 1 of R^D."""

    space = "sphere"
    zero: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent), persistent=False)

    def forward(self, y: Tensor | None = None) -> UniformOnSphere:  # noqa: ARG002  (the same for every label)
        """Return the prior: batch (), event (D)."""
        return UniformOnSphere(self.zero)
