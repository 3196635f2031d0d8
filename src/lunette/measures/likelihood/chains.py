"""Chains of codes that move from the encoder's posterior to the exact one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.func import grad_and_value

from lunette.codes import Flat, leapfrog
from lunette.errors import Unsupported
from lunette.models import LatentModel

DRAWS = 64  # of a posterior that is not a normal of independent dimensions, to place the path's start
LEAPS = 1  # leapfrog steps a transition: for the same time, more temperatures bring more than more of these
ACCEPTANCE, GAIN, FIRST_STEP = 0.65, 0.2, 0.5


@dataclass(frozen=True)
class Point:
    """Where chains are: u (K, n, D), ℓ(u) (K, n) and its slope (K, n, D)."""

    u: Tensor
    weight: Tensor
    slope: Tensor


@dataclass(frozen=True)
class Path:
    """The densities f_β(u) = N(u; 0, I) exp(β ℓ(u)) of the codes z = m + s u of n pictures x, told y.

    ℓ(u) = log p(x, z) + Σ log s − log N(u; 0, I), so that f_0 is the encoder's posterior N(m, s²), normalised, and
    ∫ f_1 = p(x). In u the momenta of mass 1 suit every dimension as well as the encoder knows its spread.
    """

    model: LatentModel
    x: Tensor
    y: Tensor | None
    mean: Tensor
    spread: Tensor

    def at(self, u: Tensor) -> Point:
        """Return the point u."""

        def total(u: Tensor) -> tuple[Tensor, Tensor]:
            weight = self.weight(u)
            return weight.sum(), weight

        slope, (_, weight) = grad_and_value(total, has_aux=True)(u)
        return Point(u, weight, slope)

    def weight(self, u: Tensor) -> Tensor:
        """Return ℓ(u)."""
        z = self.mean + self.spread * u
        assert self.model.prior is not None
        joint = self.model.decode((z,), self.y).log_prob(self.x) + self.model.prior(self.y).log_prob(z)
        return joint + self.spread.log().sum(-1) + (u.square() + math.log(2 * math.pi)).sum(-1) / 2

    def move(self, point: Point, beta: float, step: Tensor) -> tuple[Point, Tensor]:
        """Return the points after one transition that leaves f_β as it is, and how likely it was, (K, n).

        It is Hamiltonian Monte Carlo with leapfrog steps of `step` (n,).
        """
        here = point

        def slope(u: Tensor) -> Tensor:
            nonlocal here
            if u is not here.u:
                here = self.at(u)
            return u - beta * here.slope

        ρ = torch.randn_like(point.u)
        _, moved = leapfrog(slope, Flat(), point.u, ρ, step.unsqueeze(-1), [torch.ones_like(step[:1])] * LEAPS)
        before = (point.u.square() + ρ.square()).sum(-1) / 2 - beta * point.weight
        after = (here.u.square() + moved.square()).sum(-1) / 2 - beta * here.weight
        likely = (before - after).clamp(max=0).exp().nan_to_num(0)
        taken = torch.rand_like(likely) < likely
        u = torch.where(taken.unsqueeze(-1), here.u, point.u)
        slopes = torch.where(taken.unsqueeze(-1), here.slope, point.slope)
        return Point(u, torch.where(taken, here.weight, point.weight), slopes), likely

    def tuned(self, betas: Sequence[float], chains: int, tick: Callable[[], None]) -> Tensor:
        """Return the steps (T − 2, n) of the transitions between the ends, which chains of their own try out.

        A step that follows the chain it moves would bias its weights; these are fixed before the others start.
        """
        point = self.at(torch.randn(chains, *self.mean.shape, device=self.mean.device))
        step, found = torch.full_like(self.mean[:, 0], FIRST_STEP), []
        for beta in betas[1:-1]:
            point, likely = self.move(point, beta, step)
            step = step * (GAIN * (likely.mean(0) - ACCEPTANCE)).exp()
            found.append(step)
            tick()
        return torch.stack(found)

    def annealed(self, u: Tensor, betas: Sequence[float], steps: Tensor, tick: Callable[[], None]) -> Tensor:
        """Return Σ_t (β_t+1 − β_t) ℓ(u_t) (K, n) of chains from u, whose mean exponential is ∫ f_last / ∫ f_first."""
        point, weights = self.at(u), []
        for t, following in enumerate(betas[1:]):
            weights.append(point.weight)
            if t < len(steps):
                point, _ = self.move(point, following, steps[t])
                tick()
        rises = torch.tensor(betas, dtype=torch.float64).diff()
        return torch.einsum("t,tkn->kn", rises, torch.stack(weights).cpu().double())  # Apple's GPUs have no float64


def path_of(model: LatentModel, x: Tensor, y: Tensor | None) -> Path:
    """Return the path that starts at the posterior of images x: its own mean and spread, or those of some draws."""
    trace = model.trace(x, y)
    (latent,) = trace.latents
    q = latent.q
    if latent.is_point or latent.is_categorical:
        kind = "points" if latent.is_point else "categories"
        raise Unsupported(f"annealing moves codes step by step, and those of this model are {kind}")
    if isinstance(q, Independent) and isinstance(q.base_dist, Normal):
        return Path(model, trace.x, y, q.mean, q.stddev)
    z = q.rsample(torch.Size((DRAWS,)))
    return Path(model, trace.x, y, z.mean(0), z.std(0))
