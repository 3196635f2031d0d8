"""The path derivative of a log-density: what moves it through a draw alone."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution

from lunette.codes.flows.flow import Flow, slope_of
from lunette.codes.hamiltonian.leapfrog import HamiltonianPosterior


def log_prob_by_path(q: Distribution, z: Tensor) -> Tensor:
    """Return log q(z), whose gradient is ∂ log q(z) / ∂z · ∂z/∂φ: the part through the draw, not by q's parameters φ.

    The part that is left out, ∂ log q(z) / ∂φ at a fixed z, has the mean 0 over draws. What is left has less noise, and
    none where q is the true posterior. Source: Roeder, Wu, Duvenaud, "Sticking the Landing", NeurIPS 2017.

    Args:
        q: A posterior, batch (…), event (D).
        z: What `q.rsample` returned last, (*sample_shape, …, D).

    Returns:
        Nats, (*sample_shape, …).
    """
    if not z.requires_grad:
        return q.log_prob(z)
    if isinstance(q, HamiltonianPosterior):
        first, ends = q.halves(z)
        return log_prob_by_path(q.start, first) + ends
    slope = q.slope(z) if isinstance(q, Flow) else slope_of(q.log_prob, z)
    through = (slope * z).sum(-1)
    return q.log_prob(z).detach() + through - through.detach()
