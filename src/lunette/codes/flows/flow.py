"""Distributions of codes that are a normal one carried along by invertible maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    def slope(self, z: Tensor, slope: Tensor) -> Tensor:
        """Return (g − ∂ log |det J| / ∂z) J⁻¹, J = ∂f/∂z: the slope of a log-density at f(z), where g is that at z.

        Codes z and slopes g are (…, D). Nothing here has a gradient.
        """
        ...


class Flow(Distribution):
    """The distribution of z = f_N(… f_1(z₀)) with z₀ ~ base: log q(z) = log q₀(z₀) − Σ_n log |det ∂f_n/∂z|.

    `log_prob` and `slope` of what `rsample` returned last need no inverse. Of any other points `log_prob` takes one,
    and has a gradient by them, too. Source: Rezende & Mohamed, "Variational Inference with Normalizing Flows", ICML
    2015.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)
    has_rsample = True

    def __init__(self, base: Distribution, steps: Sequence[Step]) -> None:
        self.base = base
        self.steps = steps
        # z_0 … z_N, log q(z_N), and whether they have gradients.
        self._drawn: tuple[list[Tensor], Tensor, bool] | None = None
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Where the flow carries the base's mean, (…, D): amid the codes, and their mean itself where f is affine."""
        return self._carry(self.base.mean)[0][-1]

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return f(z₀), (*sample_shape, …, D)."""
        points, log_q = self._carry(self.base.rsample(torch.Size(sample_shape)))
        self._drawn = points, log_q, torch.is_grad_enabled()
        return points[-1]

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log q(value), (…), in nats."""
        if self._drawn is not None and value is self._drawn[0][-1]:
            _, log_q, has_gradient = self._drawn
            if has_gradient or not torch.is_grad_enabled():
                return log_q
        for step in reversed(self.steps):
            value = step.inverse(value)
        return self._carry(value)[1]

    def slope(self, value: Tensor) -> Tensor:
        """Return ∂ log q(value) / ∂value, (*sample_shape, …, D), without a gradient.

        With the codes that were drawn last it is carried along, and needs no inverse:

            g_n = (g_{n−1} − ∂ log |det ∂f_n/∂z| / ∂z_{n−1}) (∂f_n/∂z)⁻¹.

        Source: Vaitl et al., "Gradients should stay on path", Machine Learning: Science and Technology 2022.
        """
        if self._drawn is None or value is not self._drawn[0][-1]:
            return slope_of(self.log_prob, value)
        points = self._drawn[0]
        slope = slope_of(self.base.log_prob, points[0])
        for step, z in zip(self.steps, points, strict=False):  # the last point is where the last step ends
            slope = step.slope(z.detach(), slope)
        return slope

    def _carry(self, z: Tensor) -> tuple[list[Tensor], Tensor]:
        points, log_q = [z], self.base.log_prob(z)
        for step in self.steps:
            z, log_det = step.forward(z)
            points.append(z)
            log_q = log_q - log_det
        return points, log_q


def slope_of(log: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Return ∂ log(z) / ∂z, (…, D), of a function of codes z (…, D) → (…), each on its own; without a gradient."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        return torch.autograd.grad(log(z).sum(), z)[0]
