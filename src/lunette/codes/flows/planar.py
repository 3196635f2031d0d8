"""Planar and radial flows: each image has maps of its own, from the encoder's features.

Source: Rezende & Mohamed, "Variational Inference with Normalizing Flows", ICML 2015; its appendix says which
parameters keep a map invertible. Theirs are shifted here, so that features of 0 are the map that does nothing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from lunette.codes.flows.flow import Flow, Step
from lunette.codes.head import CodeHead
from lunette.codes.normal import NormalHead
from lunette.codes.posteriors import POSTERIORS
from lunette.heads import single
from lunette.specs import Number

BISECTIONS = 32
ONE = math.log(math.e - 1)  # softplus of this is 1
LEAST = 0.01  # of 1 + ûᵀw: where a planar map folds, the slope of log q has no bound


class AmortisedFlowHead(CodeHead):
    """Features (…, 2D + N·each) → a diagonal normal and N steps, each from `each` features; abstract in `step`."""

    inverts = True

    def __init__(self, latent: int, steps: int, each: int) -> None:
        super().__init__(latent, features=2 * latent + steps * each)
        self.base = NormalHead(latent)
        self.sizes = [2 * latent] + [each] * steps

    def forward(self, features: Tensor) -> Flow:
        """(…, F) → batch (…), event (D)."""
        base, *steps = single(features).split(self.sizes, dim=-1)
        return Flow(self.base(base), [self.step(step) for step in steps])

    def step(self, features: Tensor) -> Step:
        """Return the map that `features` (…, each) describe."""
        raise NotImplementedError


@POSTERIORS.register("planar", Number(8))
class PlanarHead(AmortisedFlowHead):
    """A diagonal normal and N planar maps, each from 2D + 1 features: u, w and b."""

    def __init__(self, latent: int, steps: int) -> None:
        super().__init__(latent, steps, each=2 * latent + 1)

    def step(self, features: Tensor) -> Planar:
        """Read u, w (…, D) and b (…)."""
        u, w, b = features.split([self.latent, self.latent, 1], dim=-1)
        return Planar(u, w, b.squeeze(-1))


@POSTERIORS.register("radial", Number(8))
class RadialHead(AmortisedFlowHead):
    """A diagonal normal and N radial maps, each from D + 2 features: the centre, α and β."""

    def __init__(self, latent: int, steps: int) -> None:
        super().__init__(latent, steps, each=latent + 2)

    def step(self, features: Tensor) -> Radial:
        """Read the centre (…, D), α and β (…)."""
        centre, α, β = features.split([self.latent, 1, 1], dim=-1)
        return Radial(centre, α.squeeze(-1), β.squeeze(-1))


class Planar:
    """f(z) = z + û tanh(wᵀz + b), log |det| = log(1 + ûᵀw (1 − tanh²)).

    û is u, moved along w so that 1 + ûᵀw is above 0.01.
    """

    def __init__(self, u: Tensor, w: Tensor, b: Tensor) -> None:
        product, square = (u * w).sum(-1), w.square().sum(-1)
        # The paper's m(x) = softplus(x) − 1 makes û infinite where w is 0, and lets the map fold; this one is 0 at 0.
        self.stretch = LEAST + (1 - LEAST) * softplus(product + ONE)  # 1 + ûᵀw
        self.u = u + ((self.stretch - 1 - product) / square.clamp(min=1e-12)).unsqueeze(-1) * w
        self.w = w
        self.b = b

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Z → f(z) and its log-determinant."""
        h = self._along(z).tanh()
        return z + self.u * h.unsqueeze(-1), self._derivative(h).log()

    def inverse(self, z: Tensor) -> Tensor:
        """F(z) → z: a = wᵀz + b is where a + ûᵀw tanh a, which rises, has the value wᵀf(z) + b."""
        value, m = self._along(z), self.stretch - 1
        with torch.no_grad():
            low, high = value - m.abs(), value + m.abs()
            for _ in range(BISECTIONS):
                a = (low + high) / 2
                above = a + m * a.tanh() > value
                low, high = torch.where(above, low, a), torch.where(above, a, high)
        # A step of Newton's, which has the gradient, too, by the theorem of the implicit function.
        h = a.tanh()
        a = a - (a + m * h - value) / self._derivative(h)
        return z - self.u * a.tanh().unsqueeze(-1)

    @torch.no_grad()
    def slope(self, z: Tensor, slope: Tensor) -> Tensor:
        """The slope at f(z): J = I + h′ û wᵀ with h′ = 1 − tanh², so that J⁻¹ = I − h′ û wᵀ / (1 + ûᵀw h′)."""
        h = self._along(z).tanh()
        bend, stretch = 1 - h.square(), self._derivative(h)
        turn = 2 * (self.stretch - 1) * h * bend / stretch  # −∂ log(1 + ûᵀw h′) along w
        moved = slope + turn.unsqueeze(-1) * self.w
        return moved - ((moved * self.u).sum(-1) * bend / stretch).unsqueeze(-1) * self.w

    def _along(self, z: Tensor) -> Tensor:
        return (self.w * z).sum(-1) + self.b

    def _derivative(self, h: Tensor) -> Tensor:
        """1 + ûᵀw (1 − h²), as a sum of two numbers that are not negative."""
        return h.square() + self.stretch * (1 - h.square())


class Radial:
    """f(z) = z + β̂ (z − c) / (α + r), r = ‖z − c‖, α > 0, β̂ > −α.

    log |det| = (D − 1) log(1 + β̂ / (α + r)) + log(1 + α β̂ / (α + r)²).
    """

    def __init__(self, centre: Tensor, α: Tensor, β: Tensor) -> None:
        self.centre = centre
        self.α = softplus(α + ONE)
        self.rest = softplus(β + ONE)  # α + β̂
        self.β = self.rest - self.α

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Z → f(z) and its log-determinant."""
        away = z - self.centre
        r = torch.linalg.vector_norm(away, dim=-1)
        stretch = (r + self.rest) / (self.α + r)  # 1 + β̂ / (α + r)
        along = (r * (r + 2 * self.α) + self.α * self.rest) / (self.α + r).square()
        return self.centre + away * stretch.unsqueeze(-1), (z.shape[-1] - 1) * stretch.log() + along.log()

    def inverse(self, z: Tensor) -> Tensor:
        """F(z) → z: R = ‖f(z) − c‖ = r (1 + β̂ / (α + r)) is a quadratic equation for r."""
        away = z - self.centre
        R = torch.linalg.vector_norm(away, dim=-1)
        half = (R - self.rest) / 2
        r = half + (half.square() + self.α * R).sqrt()
        return self.centre + away * ((self.α + r) / (r + self.rest)).unsqueeze(-1)

    @torch.no_grad()
    def slope(self, z: Tensor, slope: Tensor) -> Tensor:
        """The slope at f(z): J stretches by 1 + β̂ / (α + r) across the radius, and by 1 + α β̂ / (α + r)² along it."""
        away = z - self.centre
        r = torch.linalg.vector_norm(away, dim=-1)
        outward, a = away / r.clamp(min=torch.finfo(r.dtype).tiny).unsqueeze(-1), self.α + r
        across, along = 1 + self.β / a, 1 + self.α * self.β / a.square()
        turn = ((z.shape[-1] - 1) * self.β / across + 2 * self.α * self.β / (a * along)) / a.square()
        moved = slope + turn.unsqueeze(-1) * outward
        radial = (moved * outward).sum(-1)
        return moved / across.unsqueeze(-1) + (radial * (1 / along - 1 / across)).unsqueeze(-1) * outward
