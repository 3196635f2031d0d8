"""What all priors share."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.distributions import Distribution


class Prior(nn.Module):
    """p(z) or p(z | y): a module that returns a distribution with event (D)."""

    space: str = "plane"  # where its codes lie; a posterior must be of the same
    number: ClassVar[type[int] | type[float] | None] = None  # what follows its name, as in mixture:10

    def forward(self, y: Tensor | None = None) -> Distribution:
        """Return the prior: batch (), or (N,) for labels `y` (N,) where it depends on them."""
        raise NotImplementedError
