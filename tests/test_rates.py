"""Shapes of the rate, and its parts, against their formulas."""

import itertools
import math

import pytest
import torch
from torch.distributions import kl_divergence

from lunette.codes import StandardNormal
from lunette.codes.normal import diagonal_normal
from lunette.errors import LunetteError
from lunette.models import Latent, StepContext, Trace
from lunette.objectives import (
    CapacityGap,
    Cyclical,
    DimensionWiseRate,
    FreeBits,
    MutualInformation,
    TotalCorrelation,
    rate,
)


def trace_of(means, stds, samples=1, epoch=math.inf, pictures=None):
    q = diagonal_normal(means, stds)
    z = q.rsample((samples,))
    latent = Latent(z, q, StandardNormal(means.shape[-1])())
    return Trace(torch.zeros(len(means), 1, 1, 1), (latent,), q, StepContext(torch.tensor(epoch), pictures))


def random_trace(n=6, d=3, **kwargs):
    torch.manual_seed(0)
    return trace_of(torch.randn(n, d), torch.rand(n, d) + 0.2, **kwargs)


@pytest.mark.parametrize(("epoch", "allowed"), [(0.0, 0.0), (5.0, 10.0), (10.0, 20.0), (50.0, 20.0), (math.inf, 20.0)])
def test_the_capacity_rises(epoch, allowed):
    trace = random_trace(epoch=epoch)
    torch.testing.assert_close(CapacityGap(20, 10)(None, trace), (rate(None, trace) - allowed).abs())


def test_free_bits_are_free_by_dimension():
    trace = random_trace()
    q, p = trace.latents[0].q.base_dist, trace.latents[0].p.base_dist
    each = kl_divergence(q, p).mean(0)
    torch.testing.assert_close(FreeBits(0.0)(None, trace), rate(None, trace).mean())
    limit = float(each.median())
    expected = sum(max(limit, float(kl)) for kl in each)
    torch.testing.assert_close(float(FreeBits(limit)(None, trace)), expected)


def test_annealing_in_cycles():
    weight = Cyclical(2.0, epochs=8, cycles=2, rise=0.5)
    assert [weight(t) for t in (0, 1, 2, 3, 4, 5, 6, 8, math.inf)] == [0, 1, 2, 2, 0, 1, 2, 2, 2]
    assert [Cyclical(1.0, 10, rise=1.0)(t) for t in (0, 5, 10, 11)] == [0, 0.5, 1, 1]
    with pytest.raises(LunetteError, match="rise in"):
        Cyclical(1.0, 10, rise=0.0)


@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
def test_the_parts_of_the_rate_add_up_to_it(estimator):
    trace = random_trace(samples=4, pictures=100)
    parts = sum(part(estimator)(None, trace) for part in (MutualInformation, TotalCorrelation, DimensionWiseRate))
    latent = trace.latents[0]
    torch.testing.assert_close(parts, (latent.q.log_prob(latent.z) - latent.p.log_prob(latent.z)).mean(0))


def test_the_stratified_estimate_of_the_codes_density_is_unbiased():
    torch.manual_seed(0)
    means, stds = torch.randn(5, 1), torch.rand(5, 1) + 0.5
    z = torch.tensor([[0.3]])
    truth = diagonal_normal(means, stds).log_prob(z).exp().mean()
    part = TotalCorrelation("stratified")
    estimates = []
    for others in itertools.permutations(range(1, 5), 2):  # every batch of 3 whose first picture is 0
        index = torch.tensor([0, *others])
        densities = diagonal_normal(means[index], stds[index]).log_prob(z).exp()
        estimates.append(part.shares(3, 5)[0] @ densities)
    torch.testing.assert_close(torch.stack(estimates).mean(), truth)
    torch.testing.assert_close(part.shares(4, 9).sum(1), torch.ones(4))


def test_the_weighted_estimate_is_its_formula():
    trace = random_trace(n=4, d=2, pictures=50)
    latent = trace.latents[0]
    joint, each = TotalCorrelation("weighted").aggregate(trace)
    q = latent.q.base_dist
    for i in range(4):
        densities = torch.stack([q.log_prob(latent.z[0, i])[m] for m in range(4)])  # (M, D)
        torch.testing.assert_close(joint[0, i], densities.sum(1).logsumexp(0) - math.log(50 * 4))
        torch.testing.assert_close(each[0, i], (densities.logsumexp(0) - math.log(50 * 4)).sum())


def test_dependent_codes_have_total_correlation():
    torch.manual_seed(0)
    t = torch.randn(2000, 1)
    noise = 0.6
    means = torch.cat([t, t], dim=1)  # q(z) is normal with variance 1 + noise² and covariance 1
    trace = trace_of(means, torch.full_like(means, noise), pictures=2000)
    truth = -0.5 * math.log(1 - 1 / (1 + noise**2) ** 2)
    assert TotalCorrelation()(None, trace).mean() == pytest.approx(truth, abs=0.08)
