"""What all priors share."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.distributions import Distribution

from lunette.images import Shape
from lunette.networks import Causal


class Prior(nn.Module):
    """p(z) or p(z | y): a module that returns a distribution with event (D)."""

    space: str = "plane"  # where its codes lie; a posterior must be of the same
    weighs_by_posteriors: ClassVar[bool] = False  # whether each code is weighed by posteriors of other pictures
    is_standard: ClassVar[bool] = False  # whether it is N(0, I)

    @property
    def sequence(self) -> Causal | None:
        """The network that tells the indices of a code one after another, where it does so."""
        return None

    @classmethod
    def made(cls, number: tuple[Any, ...], latent: int, encoder: nn.Module, shape: Shape, labels: int) -> Prior:  # noqa: ARG003
        """Return the prior with the number that follows its name; see `make_prior` for the rest."""
        return cls(latent, *number)

    def forward(self, y: Tensor | None = None) -> Distribution:
        """Return the prior: batch (), or (N,) for labels `y` (N,) where it depends on them."""
        raise NotImplementedError
