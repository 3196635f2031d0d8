"""Distributions of codes that are a normal one carried along by invertible maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution


class Step(Protocol):
    """An invertible map f of codes (…, D), which differs from image to image."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Z → f(z) and log |det ∂f/∂z| (…)."""
        ...

    def inverse(self, z: Tensor) -> Tensor:
        """F(z) → z."""
        ...


class Flow(Distribution):
    """The distribution of z = f_N(… f_1(z₀)) with z₀ ~ base: log q(z) = log q₀(z₀) − Σ_n log |det ∂f_n/∂z|.

    `log_prob` of what `rsample` returned last needs no inverse. Of any other points it takes one, and it has a
    gradient by them, too. Source: Rezende & Mohamed, "Variational Inference with Normalizing Flows", ICML 2015.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)
    has_rsample = True

    def __init__(self, base: Distribution, steps: Sequence[Step]) -> None:
        self.base = base
        self.steps = steps
        self._drawn: tuple[Tensor, Tensor, bool] | None = None  # z, log q(z), and whether they have gradients
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Where the flow carries the base's mean, (…, D): amid the codes, and their mean itself where f is affine."""
        return self._carry(self.base.mean)[0]

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return f(z₀), (*sample_shape, …, D)."""
        z, log_q = self._carry(self.base.rsample(torch.Size(sample_shape)))
        self._drawn = z, log_q, torch.is_grad_enabled()
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log q(value), (…), in nats."""
        if self._drawn is not None and value is self._drawn[0]:
            _, log_q, has_gradient = self._drawn
            if has_gradient or not torch.is_grad_enabled():
                return log_q
        for step in reversed(self.steps):
            value = step.inverse(value)
        return self._carry(value)[1]

    def _carry(self, z: Tensor) -> tuple[Tensor, Tensor]:
        log_q = self.base.log_prob(z)
        for step in self.steps:
            z, log_det = step.forward(z)
            log_q = log_q - log_det
        return z, log_q
