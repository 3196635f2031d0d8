"""What makes the entries of codebooks and the vectors that choose them meet."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lunette.codes import Quantised
from lunette.errors import LunetteError
from lunette.models import LatentModel, Trace
from lunette.objectives.objective import without_unit

DEAD = 0.1  # an entry that is chosen less than so much of an even share is moved to where vectors are


def quantised(trace: Trace) -> Quantised:
    """Return the posterior of a trace's codes; raises LunetteError where they have no codebook."""
    (latent,) = trace.latents
    if not isinstance(latent.q, Quantised):
        raise LunetteError("this term is for quantised codes, and this model has none: leave it out")
    return latent.q


@without_unit
def codebook(model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG001
    """Σ ‖sg[x] − e‖² over positions and levels, (N,): draws entries e to the vectors x that chose them.

    Source: van den Oord, Vinyals, Kavukcuoglu, "Neural Discrete Representation Learning", NeurIPS 2017.
    """
    q = quantised(trace)
    return (q.left.detach() - q.chosen).square().sum((-3, -2, -1))


@without_unit
def commitment(model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG001
    """Σ ‖x − sg[e]‖² over positions and levels, (N,): draws vectors x to the entries e that they chose.

    Sources: van den Oord et al., NeurIPS 2017; for levels Lee et al., CVPR 2022.
    """
    q = quantised(trace)
    return (q.left - q.chosen.detach()).square().sum((-3, -2, -1))


@without_unit
@dataclass(frozen=True)
class CodeUsage:
    """exp(entropy) / K of the choices among K entries, the mean over levels: 1 where all serve alike, 1/K for one.

    It is to be logged, with weight 0. Each step moves entries that are out of use to vectors of the batch; with
    `moves` also each other one to the moving average of the vectors x that chose it,

        e ← Σ_t (1 − γ) γ^(T − t) Σ x_t / Σ_t (1 − γ) γ^(T − t) n_t, with γ = `decay` and n_t vectors at step t.

    Sources: van den Oord et al., NeurIPS 2017, appendix; Razavi et al., NeurIPS 2019; for what is out of use
    Dhariwal et al., "Jukebox", 2020.
    """

    moves: bool = False
    decay: float = 0.95  # the papers' 0.99 finds what is dead only after hundreds of steps

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the share of entries that serve, a scalar."""
        p = shares(quantised(trace))
        return torch.special.entr(p).sum(1).exp().mean() / p.shape[1]

    def update(self, model: LatentModel, trace: Trace) -> None:  # noqa: ARG002
        """Move the entries by one step."""
        q = quantised(trace)
        entries, usage, share = q.books.entries, q.books.usage, shares(q)
        left = q.left.flatten(0, -3)  # (M, L, d), the batch's vectors
        usage.lerp_(share, 1 - self.decay)
        if self.moves:
            sums = torch.zeros_like(entries).flatten(0, 1).index_add_(0, flat(q).flatten(), left.flatten(0, 1))
            step = sums.view_as(entries) / len(left) - share[..., None] * entries
            # Vectors and `usage` are averaged alike, so that an entry that few chose lately moves as far as they ask.
            entries.add_((1 - self.decay) * step / usage.clamp_min(torch.finfo().tiny)[..., None])
        dead = usage < DEAD / usage.shape[1]
        dead &= dead.any(1).cumsum(0)[:, None] <= 1  # a level waits until what those before it leave is settled
        # At the first step that is nearly all of them: codebooks begin as pictures' vectors.
        some = torch.randperm(len(left), device=left.device)[torch.arange(usage.shape[1]) % len(left)]
        entries.copy_(torch.where(dead[..., None], left[some].transpose(0, 1), entries))
        usage.masked_fill_(dead, 1 / usage.shape[1])


def flat(q: Quantised) -> Tensor:
    """Return the indices (…, L), counted through all levels."""
    levels, entries = q.books.usage.shape
    return q.indices + entries * torch.arange(levels, device=q.indices.device)


def shares(q: Quantised) -> Tensor:
    """Return the share of the vectors that chose each entry, (L, K)."""
    usage = q.books.usage
    counts = torch.bincount(flat(q).flatten(), minlength=usage.numel()).view_as(usage)
    return counts / counts.sum(1, keepdim=True)
