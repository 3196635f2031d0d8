"""The terms of objectives: each maps a model and the trace of one pass to nats an image, (N,) or ()."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lunette.errors import LunetteError
from lunette.models import LatentModel, Trace


def distortion(model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG001
    """−log p(x | z), the mean over K samples, (N,); what is lost by drawing the image from its code."""
    return -trace.px.log_prob(trace.x).mean(0)


def rate(model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG001
    """KL(q(z | x) ‖ p(z)), summed over rungs, (N,); what it costs to tell the code.

    In closed form where torch knows one; else as `PathRate`. A rung told from samples of those above counts with its
    mean over them.
    """
    return torch.stack([latent.kl for latent in trace.latents]).sum(0)


@dataclass(frozen=True)
class PathRate:
    """The rate as the mean over K samples of log q(z) − log p(z), (N,), in nats: unbiased, and it may be negative.

    Its gradient by the encoder is the path derivative, which is unbiased, too, and has little noise where q is near the
    true posterior. Source: Roeder, Wu, Duvenaud, "Sticking the Landing", NeurIPS 2017.
    """

    __name__ = "rate"

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the sum over rungs."""
        return torch.stack([latent.kl_by_path for latent in trace.latents]).sum(0)


@dataclass(frozen=True)
class RungRate:
    """The part of the rate that rung number `rung` costs, (N,), in nats; the top rung is number 1."""

    rung: int

    @property
    def __name__(self) -> str:
        return f"rate_of_rung_{self.rung}"

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return KL(q ‖ p) of the rung."""
        return trace.latents[self.rung - 1].kl


def importance_bound(model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG001
    """−log 1/K Σ_k w_k, (N,): an upper bound on −log p(x) in nats, the tighter the larger K is.

    Source: Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016.
    """
    weights = log_weights(trace)
    return math.log(len(weights)) - weights.logsumexp(0)


def log_weights(trace: Trace) -> Tensor:
    """log w_k = log p(x | z_k) + Σ log p(z_k) − log q(z_k | x), the sum over rungs, (K, N)."""
    logs = trace.px.log_prob(trace.x)
    for latent in trace.latents:
        logs = logs + latent.prior.log_prob(latent.z) - latent.q.log_prob(latent.z)
    return logs


@dataclass(frozen=True)
class Sparsity:
    """Σ_j KL(ρ ‖ p_j) over code units j, a scalar; p_j is the mean activation of unit j over the batch.

    KL(ρ ‖ p) = ρ log(ρ / p) + (1 − ρ) log((1 − ρ) / (1 − p)); `target` is ρ. Activations lie in [0, 1].
    Source: Ng, CS294A lecture notes "Sparse autoencoder", 2011.
    """

    target: float

    def __post_init__(self) -> None:
        if not 0 < self.target < 1:
            raise LunetteError(f"the sparsity target is a mean activation between 0 and 1, not {self.target}")

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the term over all rungs' codes."""
        p = torch.cat([latent.z.flatten(0, 1) for latent in trace.latents], dim=-1).mean(0)
        # A unit that is off, or on, for a whole batch would cost infinitely much; float32 cannot tell less.
        p = p.clamp(1e-6, 1 - 1e-6)
        ρ = self.target
        return (ρ * torch.log(ρ / p) + (1 - ρ) * torch.log((1 - ρ) / (1 - p))).sum()
