"""The normal distribution of codes, as a posterior and as a prior."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from lunette.codes.head import CodeHead
from lunette.codes.posteriors import POSTERIORS
from lunette.codes.prior import Prior
from lunette.codes.priors import PRIORS
from lunette.errors import LunetteError, Unsupported
from lunette.heads import single
from lunette.images import Shape
from lunette.randomness import noise


@POSTERIORS.register("normal")
class NormalHead(CodeHead):
    """Features (…, 2D) → N(mean, diag(exp(log_var))); the first half of the features are the means."""

    def __init__(self, latent: int) -> None:
        super().__init__(latent, features=2 * latent)

    def forward(self, features: Tensor) -> Distribution:
        """(…, 2D) → batch (…), event (D)."""
        mean, log_var = single(features).chunk(2, dim=-1)
        return diagonal_normal(mean, (log_var / 2).exp())


class CodeNormal(Normal):
    """The normal distribution of the codes of N images, batch (N, D): `rsample` draws what belongs to their places."""

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return mean + std · ε, (*sample_shape, N, D)."""
        shape = self._extended_shape(torch.Size(sample_shape))
        return torch.addcmul(self.loc, self.scale, noise(torch.randn, shape, self.loc, batch_dim=-2))


@PRIORS.register("normal")
class StandardNormal(Prior):
    """The prior N(0, I) of D dimensions."""

    is_standard = True
    zero: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent), persistent=False)

    def forward(self, y: Tensor | None = None) -> Distribution:  # noqa: ARG002  (the same for every label)
        """Return the prior: batch (), event (D)."""
        return diagonal_normal(self.zero, torch.ones_like(self.zero))


@PRIORS.register("label")
class LabelNormal(Prior):
    """The prior N(mean_y, diag(std_y²)) with a learned mean and spread for each of `labels`; N(0, I) at first."""

    def __init__(self, latent: int, labels: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(labels, latent))
        self.log_std = nn.Parameter(torch.zeros(labels, latent))

    @classmethod
    def made(cls, number: tuple[Any, ...], latent: int, encoder: nn.Module, shape: Shape, labels: int) -> Prior:  # noqa: ARG003, D102
        if not labels:
            raise LunetteError("the prior label is for models that are given labels, such as cvae: use another prior")
        return cls(latent, labels)

    def forward(self, y: Tensor | None = None) -> Distribution:
        """Return the prior for labels y (N,): batch (N,), event (D); raises LunetteError without labels."""
        if y is None:
            raise LunetteError("this model's prior depends on the label, and none was given: say which one to draw")
        return diagonal_normal(self.mean[y], self.log_std[y].exp())


def diagonal_normal(mean: Tensor, std: Tensor) -> Distribution:
    """Return N(mean, diag(std²)) over the last dimension.

    It is not validated: that costs more than the draw, and a step checks that its numbers are finite.
    """
    return Independent(CodeNormal(mean, std, validate_args=False), 1, validate_args=False)


def tempered(p: Distribution, z: Tensor, temperature: float) -> Tensor:
    """Return draws z (…, D) from the prior p, their deviation from its mean × `temperature`.

    Raises LunetteError where p is not normal and temperature is not 1: the mean of, say, a mixture may lie where
    no code does.
    """
    if temperature == 1:
        return z
    if not (isinstance(p, Independent) and isinstance(p.base_dist, Normal)):
        raise LunetteError(
            f"temperature {temperature} moves codes to the mean of a normal prior, and this model's prior is not "
            "normal: leave temperature at 1"
        )
    return p.mean + temperature * (z - p.mean)


def factors(distribution: Distribution, part: str = "posterior") -> Normal:
    """Return the normal distributions of each dimension on its own; raises LunetteError where they depend."""
    if isinstance(distribution, Independent) and isinstance(distribution.base_dist, Normal):
        return distribution.base_dist
    raise Unsupported(f"this term looks at each dimension of the code by itself: use --{part} normal")
