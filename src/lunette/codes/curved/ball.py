"""Codes in the Poincaré ball of curvature −c: the wrapped normal, as a posterior and as a prior.

The ball is |z| < 1 / √c in R^D, and its lengths are λ |dz| with λ = 2 / (1 − c |z|²). Its maps are as in Ganea,
Bécigneul, Hofmann, "Hyperbolic Neural Networks", NeurIPS 2018.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from lunette.codes.head import CodeHead, wide
from lunette.codes.normal import diagonal_normal
from lunette.codes.posteriors import POSTERIORS
from lunette.codes.prior import Prior
from lunette.codes.priors import PRIORS
from lunette.heads import positive, single
from lunette.networks import Charted
from lunette.specs import Number

BORDER = 1e-5  # codes keep this share of the radius away from the border, where float32 cannot tell them apart
TINY = 1e-7  # of f(x) / x at 0


def length(z: Tensor, c: float) -> Tensor:
    """Return √c |z|, (…, 1)."""
    return math.sqrt(c) * torch.linalg.vector_norm(z, dim=-1, keepdim=True)


def inside(z: Tensor, c: float) -> Tensor:
    """Return z (…, D), moved straight to 0 where it lies outside the ball or all but on its border."""
    return z * ((1 - BORDER) / length(z, c).clamp(min=1 - BORDER))


def exp_at_0(v: Tensor, c: float) -> Tensor:
    """Exponential map at 0, tangent vectors (…, D) → points: tanh(√c |v|) v / (√c |v|), at the distance 2 |v|."""
    x = length(v, c).clamp(min=TINY)
    return x.tanh() / x * v


def log_at_0(z: Tensor, c: float) -> Tensor:
    """Logarithmic map at 0, the inverse of `exp_at_0`: artanh(√c |z|) z / (√c |z|)."""
    x = length(z, c).clamp(TINY, 1 - torch.finfo(z.dtype).eps)
    return x.atanh() / x * z


def mobius_sum(u: Tensor, v: Tensor, c: float) -> Tensor:
    """Return u ⊕ v: where v goes by the motion of the ball that takes 0 to u; z is 2 |log_at_0(−u ⊕ z)| from u."""
    uv, uu, vv = (c * (a * b).sum(-1, keepdim=True) for a, b in ((u, v), (u, u), (v, v)))
    return ((1 + 2 * uv + vv) * u + (1 - uu) * v) / (1 + 2 * uv + uu * vv)


class WrappedNormal(Distribution):
    """Law of z = mean ⊕ exp_0(v / 2), v ~ N(0, diag(std²)): a normal in lengths of the ball, wrapped around `mean`.

    Its density is one with respect to dz in R^D (not to the ball's own volume λ^D dz): with v of z, r = |v| the
    distance of z from the mean, log p(z) = log N(v) + (D − 1) log(√c r / sinh(√c r)) + D log λ(z). As c → 0 it
    becomes N(mean, diag(std²) / 4), because λ becomes 2. `mean` and `std` are (…, D), c > 0.
    Source: Mathieu, Le Lan, Maddison, Tomioka, Teh, "Continuous Hierarchical Representations with Poincaré
    Variational Auto-Encoders", NeurIPS 2019.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)
    has_rsample = True

    def __init__(self, mean: Tensor, std: Tensor, c: float) -> None:
        self._mean = mean
        self.std = std
        self.c = c
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The point (…, D) that it is wrapped around: its mean in the ball's geometry, not E z."""
        return self._mean

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return points (*sample_shape, …, D) of the ball."""
        v = diagonal_normal(torch.zeros_like(self.std), self.std).rsample(torch.Size(sample_shape))
        z = mobius_sum(wide(self._mean), exp_at_0(wide(v) / 2, self.c), self.c)
        return inside(z, self.c).to(v.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density at `value` (…, D) with respect to dz."""
        z, std, c = inside(wide(value), self.c), wide(self.std), self.c
        v = 2 * log_at_0(mobius_sum(-wide(self._mean), z, c), c)
        x = length(v, c).clamp(min=TINY)[..., 0]
        log_λ = math.log(2) - (1 - length(z, c).square()).log()[..., 0]
        D = self.event_shape[0]
        log = diagonal_normal(torch.zeros_like(std), std).log_prob(v) + (D - 1) * (x / x.sinh()).log() + D * log_λ
        return log.to(value.dtype)


@POSTERIORS.register("ball", Number(1.0))
class BallHead(CodeHead):
    """Features (…, 2D) → wrapped normal with mean exp_0(the first half) and std = exp(the second half / 2).

    `curvature` is c > 0; codes keep to |z| < 1 / √c.
    """

    space = "ball"

    def __init__(self, latent: int, curvature: float = 1.0) -> None:
        super().__init__(latent, features=2 * latent)
        positive("curvature", curvature)
        self.curvature = curvature
        self.space = f"ball:{curvature:g}"  # densities in another ball are of other codes

    def forward(self, features: Tensor) -> WrappedNormal:
        """(…, 2D) → batch (…), event (D)."""
        at_0, log_var = single(features).chunk(2, dim=-1)
        mean = inside(exp_at_0(wide(at_0), self.curvature), self.curvature)
        return WrappedNormal(mean.to(at_0.dtype), (log_var / 2).exp(), self.curvature)

    def before(self, network: nn.Module) -> Charted:
        """Return `network` after the logarithmic map at 0, which knows no codes outside the ball."""
        return Charted(functools.partial(flat, c=self.curvature), network)


def flat(z: Tensor, c: float) -> Tensor:
    """Return log_0 of codes z (…, D), which may lie outside the ball."""
    return log_at_0(inside(wide(z), c), c).to(z.dtype)


@PRIORS.register("ball", Number(1.0))
class BallPrior(Prior):
    """The prior in the ball: the wrapped normal around 0 with std 1 in the ball's lengths; `curvature` is c."""

    space = "ball"
    zero: Tensor

    def __init__(self, latent: int, curvature: float = 1.0) -> None:
        super().__init__()
        positive("curvature", curvature)
        self.curvature = curvature
        self.space = f"ball:{curvature:g}"
        self.register_buffer("zero", torch.zeros(latent), persistent=False)

    def forward(self, y: Tensor | None = None) -> WrappedNormal:  # noqa: ARG002  (the same for every label)
        """Return the prior: batch (), event (D)."""
        return WrappedNormal(self.zero, torch.ones_like(self.zero), self.curvature)
