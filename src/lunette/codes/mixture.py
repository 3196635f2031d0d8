"""Priors that are mixtures: of learned normals, or of posteriors of learned pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from lunette.codes.head import wide
from lunette.codes.normal import diagonal_normal
from lunette.codes.prior import Prior
from lunette.codes.priors import PRIORS
from lunette.errors import LunetteError
from lunette.images import Shape
from lunette.specs import Number

BLOBS = 4  # pseudo-inputs begin as pictures of 4 × 4 smooth blobs


class Mixture(MixtureSameFamily):
    """Σ_k softmax(logits)_k p_k(z), logits (K,); `components` returns p_k for a tensor, or slice, of indices k."""

    def __init__(self, logits: Tensor, components: Callable[[Tensor | slice], Distribution]) -> None:
        self.components = components
        weights = Categorical(logits=logits, validate_args=False)
        super().__init__(weights, components(slice(None)), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log Σ_k softmax(logits)_k p_k(z) of codes z (…, D).

        Where all p_k are normals with independent dimensions, Σ_j (z_j − m_kj)² / s_kj² is two matrix products, in
        float64 because they take differences of large numbers: hundreds of components for thousands of draws would
        else fill the memory.
        """
        p = self.component_distribution
        if not (isinstance(p, Independent) and isinstance(p.base_dist, Normal)):
            logs: Tensor = super().log_prob(value)  # type: ignore[no-untyped-call]
            return logs
        z, mean, std = wide(value), wide(p.base_dist.loc), wide(p.base_dist.scale)
        precision = std**-2
        squares = z.square() @ precision.T - 2 * z @ (mean * precision).T + (mean.square() * precision).sum(-1)
        each = -squares / 2 - std.log().sum(-1) - mean.shape[-1] / 2 * math.log(2 * math.pi)
        return (each + self.mixture_distribution.logits).logsumexp(-1).to(value.dtype)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return draws (*sample_shape, D), each from its own component alone."""
        with torch.no_grad():
            return self.components(self.mixture_distribution.sample(torch.Size(sample_shape))).sample()


@PRIORS.register("mixture", Number(8))
class MixturePrior(Prior):
    """A learned mixture of K diagonal normals with learned weights.

    It begins with covariance I altogether, half of it within the components and half between them.
    """

    def __init__(self, latent: int, components: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.mean = nn.Parameter(torch.randn(components, latent) * 0.5**0.5)
        self.log_std = nn.Parameter(torch.full((components, latent), 0.5).log() / 2)

    def forward(self, y: Tensor | None = None) -> Mixture:  # noqa: ARG002  (the same for every label)
        """Return the prior: batch (), event (D)."""
        return Mixture(self.logits, lambda k: diagonal_normal(self.mean[k], self.log_std[k].exp()))


@PRIORS.register("vamp", Number(100))
class Vamp(Prior):
    """1/K Σ_k q(z | u_k): the mean of the posteriors of K learned pictures u_k, the pseudo-inputs.

    `encoder` is the model's own, and no part of the prior: its parameters belong to the model. The pictures are
    the sigmoid of what is learned, where the paper clips, and begin as random smooth ones, all different.
    Source: Tomczak & Welling, "VAE with a VampPrior", AISTATS 2018.
    """

    weighs_by_posteriors = True
    uniform: Tensor

    def __init__(self, encoder: nn.Module, shape: Shape, components: int) -> None:
        super().__init__()
        self._encoder = (encoder,)  # a tuple hides it from parameters() and the state
        blobs = 2 * torch.randn(components, shape[0], BLOBS, BLOBS)
        self.logits = nn.Parameter(nn.functional.interpolate(blobs, shape[1:], mode="bilinear"))
        self.register_buffer("uniform", torch.zeros(components), persistent=False)

    @classmethod
    def made(cls, number: tuple[Any, ...], latent: int, encoder: nn.Module, shape: Shape, labels: int) -> Prior:  # noqa: ARG003, D102
        if labels:
            raise LunetteError(
                f"the prior vamp:{number[0]} shows its pictures to the encoder, which wants labels, and they have "
                "none: use the prior label, or another"
            )
        return cls(encoder, shape, *number)

    def forward(self, y: Tensor | None = None) -> Mixture:  # noqa: ARG002  (pseudo-inputs have no labels)
        """Return the prior: batch (), event (D)."""
        return Mixture(self.uniform, lambda k: cast("Distribution", self._encoder[0](self.logits[k].sigmoid())))
