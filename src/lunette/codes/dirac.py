"""The deterministic code: a distribution that is a point."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from lunette.codes.head import CodeHead
from lunette.errors import Unsupported

NO_DENSITY = "this model's codes are points, which have no density, so its likelihood is not known"


class Dirac(Distribution):
    """All probability at `value` (…, D): δ(z − value); it has no density, so no `log_prob`."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)
    has_rsample = True

    def __init__(self, value: Tensor) -> None:
        self.value = value
        super().__init__(value.shape[:-1], value.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The point itself, (…, D)."""
        return self.value

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return the point `sample_shape` times, (*sample_shape, …, D)."""
        return self.value.expand(self._extended_shape(torch.Size(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:  # noqa: ARG002
        """Raise LunetteError: a point has no density."""
        raise Unsupported(NO_DENSITY)


class DiracHead(CodeHead):
    """Features (…, D) → a point; `activation` bounds it (a sparse code wants values in [0, 1])."""

    def __init__(self, latent: int, activation: nn.Module | None = None) -> None:
        super().__init__(latent, features=latent)
        self.activation = activation or nn.Identity()

    def forward(self, features: Tensor) -> Dirac:
        """(…, D) → batch (…), event (D)."""
        return Dirac(self.activation(features))
