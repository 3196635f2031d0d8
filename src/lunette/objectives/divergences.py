"""How far the codes of a batch, taken together, are from the prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lunette.codes import factors, wide
from lunette.models import LatentModel, Trace
from lunette.objectives.objective import without_unit

KernelName = Literal["inverse-multiquadric", "rbf"]
WIDTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of the mean ‖a − b‖² of two draws from N(0, I), which is 2D


@without_unit
@dataclass(frozen=True)
class MaximumMeanDiscrepancy:
    """MMD²(q(z), p(z)) of a batch's codes and as many draws from the prior, a scalar without unit.

    The unbiased estimate Σ_{i≠j} [k(z_i, z_j) + k(p_i, p_j)] / n(n − 1) − 2 Σ_ij k(z_i, p_j) / n²: it may be negative.
    Kernels are sums over widths C, in multiples of 2D: C / (C + ‖a − b‖²), or exp(−‖a − b‖² / C).
    Source: Tolstikhin et al., "Wasserstein Auto-Encoders", ICLR 2018.
    """

    kernel: KernelName = "inverse-multiquadric"

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the term, summed over rungs; the K draws of an image count as codes of their own."""
        parts = []
        for latent in trace.latents:
            z = latent.z.flatten(0, 1)
            parts.append(self.between(z, latent.prior.sample(torch.Size((len(z),)))))
        return torch.stack(parts).sum()

    def between(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the estimate from n draws each, (n, D) both."""
        n = len(a)
        same = (self.kernels(a, a) + self.kernels(b, b)).sum() - 2 * n * len(WIDTHS)  # k(a, a) is 1 a width
        return same / max(n * (n - 1), 1) - 2 * self.kernels(a, b).mean()

    def kernels(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the sum of kernels of each pair, (n, m)."""
        squares = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()
        base = 2 * a.shape[-1]
        if self.kernel == "rbf":
            return torch.stack([(-squares / (base * width)).exp() for width in WIDTHS]).sum(0)
        return torch.stack([base * width / (base * width + squares) for width in WIDTHS]).sum(0)


@dataclass(frozen=True)
class Covariance:
    """What the covariance C of the codes of a batch costs: abstract in the cost.

    C is that of the posterior means (DIP-VAE I), or with `codes` that of the codes (II): the same plus the mean of
    their posteriors' variances, which have to be diagonal.
    Source: Kumar, Sattigeri, Balakrishnan, "Variational Inference of Disentangled Latent Concepts from Unlabeled
    Observations", ICLR 2018.
    """

    codes: bool

    def covariance(self, trace: Trace) -> Tensor:
        """Return C (D, D)."""
        (latent,) = trace.latents
        mean = latent.q.mean
        # In float64, whose products are never of bfloat16: an entry off the diagonal is a small difference.
        centred = wide(mean - mean.mean(0))
        between = (centred.T @ centred / len(mean)).to(mean.dtype)
        return between + factors(latent.q).variance.mean(0).diag() if self.codes else between


@without_unit
class OffDiagonal(Covariance):
    """Σ_{i≠j} C_ij², a scalar without unit."""

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return how much the dimensions vary together."""
        c = self.covariance(trace)
        return (c - c.diagonal().diag()).square().sum()


@without_unit
class Diagonal(Covariance):
    """Σ_i (C_ii − 1)², a scalar without unit."""

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return how far each dimension's variance is from 1."""
        return (self.covariance(trace).diagonal() - 1).square().sum()
