"""Latent flow matching."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lunette.densities.trained import TrainedDensity
from lunette.heads import positive

FREQUENCIES = 8  # of the time, each twice the one before


class FlowMatching(TrainedDensity):
    """Noise carried to codes along a learned velocity field (Lipman et al., ICLR 2023).

    With u₀ ~ N(0, I), standardised codes u₁ and t ~ U(0, 1), v(uₜ, t[, y]) is regressed on u₁ − u₀ at
    uₜ = (1 − t) u₀ + t u₁. A draw solves du/dt = v from noise at 0 to 1 by `evaluations` / 2 steps of the midpoint
    rule. With `labels` there is a field for each; who does not ask for one gets labels as often as the codes had.
    """

    measure = "velocity_error"

    def __init__(
        self,
        latent: int,
        labels: int = 0,
        width: int = 256,
        blocks: int = 3,
        steps: int = 6000,
        evaluations: int = 64,
    ) -> None:
        super().__init__(latent, steps, labels)
        for name, value in {"width": width, "blocks": blocks, "evaluations": evaluations // 2}.items():
            positive(name, value)
        self.evaluations = evaluations
        self.velocity = Velocity(latent, labels, width, blocks)

    def loss(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return |v(uₜ, t[, y]) − (u₁ − u₀)|² (N,) for codes z (N, D), one t and u₀ for each."""
        end = self.standard(z)
        start, t = torch.randn_like(end), torch.rand(len(end), 1, device=end.device)
        velocity = self.velocity(torch.lerp(start, end, t), t, y)
        return (velocity - (end - start)).square().sum(-1)

    def sample(self, n: int, y: Tensor | None = None, temperature: float = 1.0) -> Tensor:  # noqa: D102
        if self.labels and y is None:
            y = torch.multinomial(self.frequency, n, replacement=True)
        u = temperature * torch.randn(n, self.latent, device=self.mean.device)
        steps = self.evaluations // 2
        for step in range(steps):
            t = torch.full((n, 1), step / steps, device=u.device)
            half = u + self.velocity(u, t, y) / (2 * steps)
            u = u + self.velocity(half, t + 1 / (2 * steps), y) / steps
        return self.restored(u)


class Velocity(nn.Module):
    """v(u, t[, y]): residual blocks h + block(silu(h + place)) whose place is made of the time and the label."""

    frequencies: Tensor

    def __init__(self, latent: int, labels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", math.pi * 2.0 ** torch.arange(FREQUENCIES), persistent=False)
        self.enter = nn.Linear(latent, width)
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(labels, width) if labels else None
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)) for _ in range(blocks)
        )
        self.leave = nn.Sequential(nn.SiLU(), nn.Linear(width, latent))

    def forward(self, u: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """Points u (N, D) at times t (N, 1), and labels y (N,) where it knows them → velocities (N, D)."""
        waves = self.frequencies * t
        place = self.time(torch.cat([waves.sin(), waves.cos()], dim=-1))
        if self.label is not None:
            place = place + self.label(y)
        h = self.enter(u)
        for block in self.blocks:
            h = h + block(h + place)
        return self.leave(h)
