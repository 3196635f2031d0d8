"""Other shapes of the rate: held at a capacity, free up to some nats, and cut into its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lunette.codes import factors
from lunette.errors import LunetteError
from lunette.models import LatentModel, Trace
from lunette.objectives.terms import rate

EstimatorName = Literal["weighted", "stratified"]


@dataclass(frozen=True)
class CapacityGap:
    """|KL(q ‖ p) − C| of each image, (N,), in nats: C rises from 0 to `capacity` over `epochs`.

    Source: Burgess et al., "Understanding disentangling in β-VAE", 2018, arXiv:1804.03599.
    """

    capacity: float
    epochs: float

    def __post_init__(self) -> None:
        if not (self.capacity >= 0 and self.epochs > 0):
            raise LunetteError(
                f"a capacity takes 0 nats or more, over more than 0 epochs, not {self.capacity} over {self.epochs}"
            )

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:
        """Return how far the rate is from what it may be by now."""
        now = self.capacity * (trace.context.epoch / self.epochs).clamp(max=1)
        return (rate(model, trace) - now).abs()


@dataclass(frozen=True)
class FreeBits:
    """Σ_j max(λ, mean KL of dimension j over the batch), a scalar, in nats; `free` is λ: up to it a dimension is free.

    Source: Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", NeurIPS 2016.
    """

    free: float

    def __post_init__(self) -> None:
        if not self.free >= 0:
            raise LunetteError(f"a dimension is free up to 0 nats or more, not {self.free}")

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the term, summed over rungs."""
        each = [latent.kl_by_dimension for latent in trace.latents]
        return torch.stack([kl.flatten(0, -2).mean(0).clamp(min=self.free).sum() for kl in each]).sum()


@dataclass(frozen=True)
class FreeRungRate:
    """max(λ, mean KL of a rung over the batch), a scalar, in nats; `free` is λ, and the top rung is number 1.

    Source: Kingma et al., NeurIPS 2016, whose groups of dimensions are the rungs.
    """

    rung: int
    free: float

    def __post_init__(self) -> None:
        if not self.free >= 0:
            raise LunetteError(f"a rung is free up to 0 nats or more, not {self.free}")

    @property
    def __name__(self) -> str:
        return f"free_rate_of_rung_{self.rung}"

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return what the rung costs."""
        return trace.latents[self.rung - 1].kl.mean().clamp(min=self.free)


@dataclass(frozen=True)
class _OfTheSet:
    """A part of the rate that speaks of the aggregate posterior q(z) = 1/N Σ q(z | x_n) of all N training pictures.

    It is estimated from the batch: "weighted" log q(z) ≈ log 1/NM Σ_m q(z | x_m), or "stratified", which is
    unbiased for q(z). Sources: Chen et al., "Isolating Sources of Disentanglement in VAEs", NeurIPS 2018.
    """

    estimator: EstimatorName = "stratified"

    def aggregate(self, trace: Trace) -> tuple[Tensor, Tensor]:
        """Return log q(z) and Σ_j log q(z_j) of each code, (K, N) both; the parts of one trace find them once."""
        if ("aggregate", self.estimator) not in trace.found:
            trace.found["aggregate", self.estimator] = self._aggregate(trace)
        joint, each = trace.found["aggregate", self.estimator]
        return joint, each

    def _aggregate(self, trace: Trace) -> tuple[Tensor, Tensor]:
        (latent,) = trace.latents
        each = factors(latent.q).log_prob(latent.z.unsqueeze(-2))  # (K, N, M, D): code n under picture m
        shares = self.shares(each.shape[2], trace.context.pictures, each.device).log()
        joint = (each.sum(-1) + shares).logsumexp(-1)
        return joint, (each + shares.unsqueeze(-1)).logsumexp(-2).sum(-1)

    def shares(self, batch: int, pictures: int | None, device: torch.device | None = None) -> Tensor:
        """Return how much picture m counts in q of code n, (batch, batch): a row sums to 1 if stratified."""
        N, M = max(pictures or batch, batch), batch
        if self.estimator == "weighted" or M == 1:
            return torch.full((M, M), 1 / (N * M), device=device)
        # Its own picture counts for itself, one other for all that are not in the batch, and the rest as they are.
        own = torch.eye(M, device=device)
        stand_in = own.roll(1, 1)
        return own / N + stand_in * (N - M + 1) / (N * (M - 1)) + (1 - own - stand_in) / (M - 1)


class MutualInformation(_OfTheSet):
    """The index-code mutual information E log q(z | x) − log q(z), (N,), in nats."""

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the mean over K draws."""
        (latent,) = trace.latents
        return (latent.q.log_prob(latent.z) - self.aggregate(trace)[0]).mean(0)


class TotalCorrelation(_OfTheSet):
    """The total correlation E log q(z) − Σ_j log q(z_j), (N,), in nats: what the dimensions say twice."""

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the mean over K draws."""
        joint, each = self.aggregate(trace)
        return (joint - each).mean(0)


class DimensionWiseRate(_OfTheSet):
    """Σ_j KL(q(z_j) ‖ p(z_j)), (N,), in nats: how far each dimension's codes together are from the prior."""

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the mean over K draws of Σ_j log q(z_j) − log p(z)."""
        (latent,) = trace.latents
        return (self.aggregate(trace)[1] - latent.prior.log_prob(latent.z)).mean(0)
