"""Codes that move by Hamiltonian dynamics: leapfrog steps, and the posterior at their end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.func import grad

from lunette.errors import Unsupported, unknown
from lunette.heads import positive
from lunette.randomness import noise

Potential = Callable[[Tensor], Tensor]  # U: codes (…, D) → nats (…)
Slope = Callable[[Tensor], Tensor]  # ∇U: codes (…, D) → (…, D)
Tempering = Literal["fixed", "free"]

GREATEST_STEP = 0.5
FIRST_HEAT = 0.9  # √β_0 before training: nearly no tempering


class Geometry(Protocol):
    """The mass G(z) of a momentum ρ ~ N(0, G(z))."""

    iterations: int  # of the fixed points of a leapfrog step

    def momentum(self, z: Tensor, noise: Tensor) -> Tensor:
        """Return ρ ~ N(0, G(z)), (…, D), of standard normal `noise`."""
        ...

    def kinetic(self, z: Tensor, momentum: Tensor) -> Tensor:
        """Return T(z, ρ) = ½ ρᵀG⁻¹(z)ρ + ½ log det G(z), (…): −log N(ρ; 0, G(z)) without its constant."""
        ...

    def velocity(self, z: Tensor, momentum: Tensor) -> Tensor:
        """Return ∇_ρ T = G⁻¹(z)ρ, (…, D)."""
        ...

    def turn(self, z: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the function of a momentum that is ∇_z T at z, (…, D) → (…, D)."""
        ...


class Flat:
    """The mass G = I everywhere, with which a leapfrog step is explicit."""

    iterations = 1

    def momentum(self, z: Tensor, noise: Tensor) -> Tensor:  # noqa: ARG002, D102
        return noise

    def kinetic(self, z: Tensor, momentum: Tensor) -> Tensor:  # noqa: ARG002, D102
        return momentum.square().sum(-1) / 2

    def velocity(self, z: Tensor, momentum: Tensor) -> Tensor:  # noqa: ARG002, D102
        return momentum

    def turn(self, z: Tensor) -> Callable[[Tensor], Tensor]:  # noqa: ARG002, D102
        return torch.zeros_like


def leapfrog(
    slope: Slope, geometry: Geometry, z: Tensor, ρ: Tensor, step: Tensor | float, cooling: Iterable[Tensor]
) -> tuple[Tensor, Tensor]:
    """Return where a step of size ε for each α of `cooling` carries codes z and momenta ρ, both (…, D).

    With `slope` ∇U and H(z, ρ) = U(z) + T(z, ρ), the generalised leapfrog step is

        ρ½ = ρ − ε/2 ∇_z H(z, ρ½)
        z′ = z + ε/2 (∇_ρ H(z, ρ½) + ∇_ρ H(z′, ρ½))
        ρ′ = α (ρ½ − ε/2 ∇_z H(z′, ρ½)),

    whose volume changes by α^D. Where G varies, ρ½ and z′ are found by fixed-point iterations, and all this
    holds as far as these converge.

    Source: Girolami & Calderhead, "Riemann manifold Langevin and Hamiltonian Monte Carlo methods", JRSS B 2011.
    """
    pull, turn = slope(z), geometry.turn(z)
    for α in cooling:
        half = ρ
        for _ in range(geometry.iterations):
            half = ρ - step / 2 * (pull + turn(half))
        start, before = z, geometry.velocity(z, half)
        for _ in range(geometry.iterations):
            z = start + step / 2 * (before + geometry.velocity(z, half))
        pull, turn = slope(z), geometry.turn(z)
        ρ = α * (half - step / 2 * (pull + turn(half)))
    return z, ρ


class Leapfrog(nn.Module):
    """Leapfrog steps of learned size ε (D,), in (0, ½), which cool the momentum from β_0 < 1 to β_K = 1.

    Step k multiplies it by α_k = √β_{k−1} / √β_k. With "free" tempering each α_k in (0, 1) is learned; with
    "fixed" only β_0 is, and 1/√β_k = 1/√β_0 + (1 − 1/√β_0) k²/K².

    Source: Caterini, Doucet, Sejdinovic, "Hamiltonian Variational Auto-Encoder", NeurIPS 2018.
    """

    def __init__(self, latent: int, steps: int, tempering: Tempering = "fixed", step: float = 0.05) -> None:
        super().__init__()
        positive("steps", steps)
        if tempering not in ("fixed", "free"):
            raise unknown("tempering", tempering, ("fixed", "free"))
        self.steps = steps
        self.tempering = tempering
        heat = torch.full((steps,), FIRST_HEAT ** (1 / steps)) if tempering == "free" else torch.tensor([FIRST_HEAT])
        self.step_logit = nn.Parameter(torch.full((latent,), step / GREATEST_STEP).logit())
        self.heat_logit = nn.Parameter(heat.logit())

    @property
    def step(self) -> Tensor:
        """The step size ε of each dimension, (D,)."""
        return GREATEST_STEP * self.step_logit.sigmoid()

    @property
    def cooling(self) -> Tensor:
        """The factors α, (K,); their product is √β_0."""
        heat = self.heat_logit.sigmoid()
        if self.tempering == "free":
            return heat
        k = torch.arange(self.steps + 1, device=heat.device)
        inverse = 1 / heat + (1 - 1 / heat) * (k / self.steps) ** 2
        return inverse[1:] / inverse[:-1]


class HamiltonianPosterior(Distribution):
    """Where `steps` carry a draw z_0 of `start` and a momentum ρ_0 ~ N(0, G(z_0) / β_0): a posterior of (z_K, ρ_K).

    As the density of the momentum is known, a draw counts as if it had the log-density

        log q(z_0 | x) + log N(√β_0 ρ_0; 0, G(z_0)) − log N(ρ_K; 0, G(z_K)),

    so that −log p(x | z_K) + log q − log p(z_K) is the negative of the bound of Caterini et al. (2018), and
    p(x, z_K) / q is an unbiased estimate of p(x). The mean is that of `start`, carried from rest; it is that
    of z_K where U is quadratic.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)
    has_rsample = True

    def __init__(self, start: Distribution, steps: Leapfrog, potential: Potential, geometry: Geometry) -> None:
        self.start = start
        self.steps = steps
        self.slope = grad(lambda z: potential(z).sum())  # also where torch keeps no gradient, as in inference_mode
        self.geometry = geometry
        self._drawn: tuple[Tensor, Tensor, Tensor] | None = None  # z_K, z_0, and what the momenta add to log q(z_0)
        super().__init__(start.batch_shape, start.event_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean of `start`, carried from rest, (…, D)."""
        z = self.start.mean
        return self._carry(z, torch.zeros_like(z))[0]

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return z_K, (*sample_shape, …, D), whose density `log_prob` then knows."""
        first = self.start.rsample(torch.Size(sample_shape))
        cold = self.geometry.momentum(first, noise(torch.randn, first.shape, first, batch_dim=-2))
        z, ρ = self._carry(first, cold / self.steps.cooling.prod())
        ends = self.geometry.kinetic(z, ρ) - self.geometry.kinetic(first, cold)
        self._drawn = z, first, ends
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density, (*sample_shape, …), of the last draws; raises LunetteError for other codes."""
        first, ends = self.halves(value)
        return self.start.log_prob(first) + ends

    def halves(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_0 (*sample_shape, …, D) of the last draws and what their momenta add to log q(z_0), in nats.

        Raises LunetteError for other codes.
        """
        if self._drawn is None or value is not self._drawn[0]:
            raise Unsupported("a Hamiltonian posterior has a density only at its last draws, with their momenta")
        return self._drawn[1:]

    def _carry(self, z: Tensor, ρ: Tensor) -> tuple[Tensor, Tensor]:
        return leapfrog(self.slope, self.geometry, z, ρ, self.steps.step, self.steps.cooling)
