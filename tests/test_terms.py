"""Terms of objectives against closed forms, numerical integration and Monte Carlo."""

import math

import pytest
import scipy.integrate
import scipy.stats
import torch
from torch.distributions import Independent, Laplace, Normal

from lunette.codes import Dirac, NormalHead, StandardNormal
from lunette.errors import LunetteError
from lunette.models import Latent, Trace
from lunette.objectives import Objective, Sparsity, distortion, loss, name_of, rate, warmup


def trace_of(q, p, samples=1, z=None):
    z = q.rsample((samples,)) if z is None else z
    px = Independent(Normal(torch.zeros(samples, *q.batch_shape, 1, 2, 2), 1.0), 3)
    return Trace(torch.zeros(*q.batch_shape, 1, 2, 2), (Latent(z, q, p),), px)


def test_the_normal_head_reads_mean_and_log_variance():
    q = NormalHead(2)(torch.tensor([[0.5, -1.0, math.log(4.0), 0.0]]))
    assert q.mean.tolist() == [[0.5, -1.0]]
    torch.testing.assert_close(q.variance, torch.tensor([[4.0, 1.0]]))


def test_rate_is_the_tutorials_formula():
    torch.manual_seed(0)
    features = torch.randn(7, 10)
    mean, log_var = features.chunk(2, -1)
    expected = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(1)
    torch.testing.assert_close(rate(None, trace_of(NormalHead(5)(features), StandardNormal(5)())), expected)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1.5, 0.3), (-2.0, 2.0)])
def test_rate_against_numerical_integration(mean, std):
    q, p = scipy.stats.norm(mean, std), scipy.stats.norm(0, 1)
    expected, _ = scipy.integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), mean - 12 * std, mean + 12 * std
    )
    head = NormalHead(1)(torch.tensor([[mean, 2 * math.log(std)]]))
    assert rate(None, trace_of(head, StandardNormal(1)())).item() == pytest.approx(expected, abs=1e-5)


def test_a_rate_without_closed_form_is_an_average_of_log_ratios():
    torch.manual_seed(0)
    q = Independent(Normal(torch.full((1, 3), 0.7), torch.full((1, 3), 0.6)), 1)
    p = Independent(Laplace(torch.zeros(3), torch.ones(3)), 1)
    trace = trace_of(q, p, samples=200_000)
    ratios = (q.log_prob(trace.latents[0].z) - p.log_prob(trace.latents[0].z))[:, 0]
    one, _ = scipy.integrate.quad(
        lambda z: (
            scipy.stats.norm.pdf(z, 0.7, 0.6) * (scipy.stats.norm.logpdf(z, 0.7, 0.6) - scipy.stats.laplace.logpdf(z))
        ),
        -8,
        8,
    )
    error = (ratios.std() / math.sqrt(len(ratios))).item()
    assert rate(None, trace).item() == pytest.approx(3 * one, abs=4 * error)


def test_rungs_add_up():
    q, p = NormalHead(2)(torch.randn(4, 4)), StandardNormal(2)()
    one = trace_of(q, p)
    two = Trace(one.x, one.latents * 2, one.px)
    torch.testing.assert_close(rate(None, two), 2 * rate(None, one))


def test_distortion_averages_over_samples():
    locations = torch.randn(6, 4, 1, 2, 2)
    x = torch.rand(4, 1, 2, 2)
    trace = Trace(x, (), Independent(Normal(locations, 0.5), 3))
    expected = -scipy.stats.norm.logpdf(x.numpy(), locations.numpy(), 0.5).sum((2, 3, 4)).mean(0)
    torch.testing.assert_close(distortion(None, trace).double(), torch.from_numpy(expected), rtol=1e-5, atol=1e-5)


def test_sparsity_is_its_formula():
    torch.manual_seed(0)
    z = torch.rand(1, 50, 3)
    p, ρ = z[0].mean(0).double(), 0.05
    expected = sum(ρ * math.log(ρ / pj) + (1 - ρ) * math.log((1 - ρ) / (1 - pj)) for pj in p.tolist())
    value = Sparsity(0.05)(None, trace_of(Dirac(z[0]), None, z=z))
    assert value.item() == pytest.approx(expected, rel=1e-5)
    on_target = torch.full((1, 4, 3), 0.05)
    assert Sparsity(0.05)(None, trace_of(Dirac(on_target[0]), None, z=on_target)).item() == pytest.approx(0, abs=1e-6)
    dead = torch.zeros(1, 4, 3)
    assert math.isfinite(Sparsity(0.05)(None, trace_of(Dirac(dead[0]), None, z=dead)).item())


@pytest.mark.parametrize("target", [0, 1, -0.1, 1.5])
def test_sparsity_targets_are_shares(target):
    with pytest.raises(LunetteError, match="between 0 and 1"):
        Sparsity(target)


def test_warm_up_is_a_straight_line_to_the_weight():
    schedule = warmup(4.0, 10)
    assert [schedule(epoch) for epoch in (0, 2.5, 5, 10, 30)] == [0, 1, 2, 4, 4]
    assert warmup(4.0, 0) == 4.0
    with pytest.raises(LunetteError, match="0 epochs or more"):
        warmup(1, -1)


def test_an_objective_is_the_weighted_sum_of_its_terms():
    objective = Objective({distortion: 2.0, rate: warmup(3.0, 4)})
    trace = trace_of(NormalHead(2)(torch.randn(5, 4)), StandardNormal(2)())
    values = objective(None, trace)
    assert list(values) == ["distortion", "rate"]
    total = loss(values, objective.weights(2))
    torch.testing.assert_close(total, 2 * distortion(None, trace).mean() + 1.5 * rate(None, trace).mean())


def test_a_term_of_weight_0_cannot_spoil_the_loss():
    values = {"distortion": torch.tensor(1.0), "rate": torch.tensor(math.inf)}
    assert loss(values, {"distortion": 1, "rate": 0}).item() == 1
    start = loss({"rate": torch.tensor(3.0, requires_grad=True)}, {"rate": 0})
    assert start.item() == 0
    assert start.requires_grad
    with pytest.raises(LunetteError, match="nothing to train"):
        Objective({distortion: 0, rate: warmup(0, 3)})
    with pytest.raises(LunetteError, match="must be 0 or more"):
        Objective({distortion: -1})


def test_terms_have_names_of_their_own():
    assert name_of(Sparsity(0.1)) == "sparsity"
    with pytest.raises(LunetteError, match="'sparsity' is there twice"):
        Objective({Sparsity(0.1): 1, Sparsity(0.2): 1})


def test_the_dirac_is_a_point():
    value = torch.randn(4, 3)
    q = Dirac(value)
    assert q.batch_shape == (4,)
    assert q.event_shape == (3,)
    assert q.rsample((5,)).equal(value.expand(5, 4, 3))
    assert q.mean is value
