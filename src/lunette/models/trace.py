"""Everything that one pass through a model produced; objectives and uses read only this."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from lunette.codes import Categories, Dirac, factors, log_prob_by_path
from lunette.errors import Unsupported

NO_PRIOR = "the rate needs a prior, and this model has none: give it one, or leave the rate out"


@dataclass(frozen=True)
class Latent:
    """One rung of codes: K posterior samples z (K, N, D), their posterior and their prior."""

    z: Tensor
    q: Distribution  # batch (N), or (K, N) on a rung that is told from samples of those above; event (D)
    p: Distribution | None  # None for a plain autoencoder

    @property
    def is_point(self) -> bool:
        """Whether the posterior is a point, which has no density."""
        return isinstance(self.q, Dirac)

    @property
    def is_categorical(self) -> bool:
        """Whether the posterior is of categories, between which there is nothing."""
        return isinstance(self.q, Categories)

    @property
    def prior(self) -> Distribution:
        """Its prior; raises Unsupported where it has none."""
        if self.p is None:
            raise Unsupported(NO_PRIOR)
        return self.p

    @cached_property
    def kl(self) -> Tensor:
        """KL(q ‖ p), (N,), in nats: in closed form where torch knows one, else `kl_by_path`.

        On a rung that is told from samples of those above it is the mean over them.
        """
        try:
            kl = kl_divergence(self.q, self.prior)
        except NotImplementedError:
            return self.kl_by_path
        return kl.mean(0) if kl.dim() > 1 else kl

    @cached_property
    def kl_by_path(self) -> Tensor:
        """The mean over K samples of log q(z) − log p(z), (N,), in nats, with the path derivative."""
        return (log_prob_by_path(self.q, self.z) - self.prior.log_prob(self.z)).mean(0)

    @cached_property
    def kl_by_part(self) -> Tensor:
        """KL of each part of the code that is independent of the others, (N, D) or, of P categories, (N, P), in nats.

        On a rung that is told from samples of those above it is the mean over them. Raises Unsupported where the
        dimensions of posterior or prior depend on one another.
        """
        if isinstance(self.q, Categories) and isinstance(self.p, Categories):
            return self.q.kl_by_position(self.p)
        kl = self.kl_by_dimension
        return kl.mean(0) if kl.dim() > 2 else kl

    @cached_property
    def kl_by_dimension(self) -> Tensor:
        """KL(q(z_j | x) ‖ p(z_j)), (N, D) or (K, N, D), in nats; raises Unsupported where dimensions depend."""
        return kl_divergence(factors(self.q), factors(self.prior, "prior"))


@dataclass(frozen=True)
class StepContext:
    """When a batch was passed, and of how many pictures it is: for terms that change in time or speak of the set."""

    epoch: Tensor = field(default_factory=lambda: torch.tensor(math.inf))  # epochs passed, with fractions; ∞ after all
    pictures: int | None = None  # in training; unknown elsewhere


@dataclass(frozen=True)
class Trace:
    """One pass over N images with K samples each."""

    x: Tensor  # (N, C, H, W), the clean images in [0, 1]
    latents: tuple[Latent, ...]  # a VAE is a ladder of one rung
    px: Distribution  # batch (K, N), event (C, H, W)
    context: StepContext = field(default_factory=StepContext)
    found: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)  # by terms, once
