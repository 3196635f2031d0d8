"""Codes of categories: relaxed to where gradients are while they are trained, and one-hot after."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, register_kl

from lunette.codes.head import CodeHead
from lunette.codes.prior import Prior
from lunette.heads import positive, single
from lunette.randomness import noise


class Categories(Distribution):
    """P independent categories by their `logits` (…, P, K), as one-hot codes of D = P·K numbers.

    With a `temperature` τ a sample is relaxed to softmax((logits + Gumbel noise) / τ), which has a gradient; without
    one it is exact. Sources: Jang, Gu, Poole, ICLR 2017; Maddison, Mnih, Teh, ICLR 2017.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)
    has_rsample = True

    def __init__(self, logits: Tensor, temperature: float | None = None) -> None:
        self.logs = logits.log_softmax(-1)
        self.temperature = temperature
        positions, entries = logits.shape[-2:]
        super().__init__(logits.shape[:-2], torch.Size((positions * entries,)), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The probabilities, (…, D)."""
        return self.logs.exp().flatten(-2)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return codes (*sample_shape, …, D)."""
        shape = torch.Size(sample_shape) + self.logs.shape
        uniform = noise(torch.rand, shape, self.logs, batch_dim=-3).clamp_min(torch.finfo(self.logs.dtype).tiny)
        noisy = self.logs - (-uniform.log()).log()
        if self.temperature is None:
            return nn.functional.one_hot(noisy.argmax(-1), shape[-1]).to(noisy.dtype).flatten(-2)
        return (noisy / self.temperature).softmax(-1).flatten(-2)

    def kl_by_position(self, p: Categories) -> Tensor:
        """Return KL(q ‖ p) at each position, (…, P), in nats: Σ_K q log(q / p)."""
        return (self.logs.exp() * (self.logs - p.logs)).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p of one-hot codes (…, D) in nats, (…)."""
        return (value.unflatten(-1, self.logs.shape[-2:]) * self.logs).sum((-2, -1))


@register_kl(Categories, Categories)  # type: ignore[untyped-decorator]
def _kl(q: Categories, p: Categories) -> Tensor:
    """Σ_P Σ_K q log(q / p), of the categories themselves, whether samples are relaxed or not."""
    return q.kl_by_position(p).sum(-1)


class CategoryHead(CodeHead):
    """Features (…, P·K) → P categories of K; their samples are relaxed while it is trained, and one-hot after."""

    def __init__(self, positions: int, entries: int, temperature: float) -> None:
        for name, value in (("latent", entries), ("positions", positions), ("temperature", temperature)):
            positive(name, value)
        super().__init__(positions * entries, features=positions * entries)
        self.positions = positions
        self.temperature = temperature

    def forward(self, features: Tensor) -> Categories:
        """(…, P·K) → batch (…), event (D) with D = P·K."""
        logits = single(features).unflatten(-1, (self.positions, -1))
        return Categories(logits, self.temperature if self.training else None)


class UniformCategories(Prior):
    """The prior of P categories, each of K with equal probabilities."""

    logits: Tensor

    def __init__(self, positions: int, entries: int) -> None:
        super().__init__()
        self.register_buffer("logits", torch.zeros(positions, entries), persistent=False)

    def forward(self, y: Tensor | None = None) -> Categories:  # noqa: ARG002  (the same for every label)
        """Return the prior: batch (), event (D) with D = P·K."""
        return Categories(self.logits)
