"""Annealed importance sampling against the exact evidence of a linear-Gaussian model."""

import math

import numpy as np
import pytest
import torch

from lunette.errors import LunetteError
from lunette.measures.likelihood import annealing
from lunette.measures.likelihood.annealing import Annealing, annealed_bounds, sandwich
from lunette.measures.likelihood.bound import evidence_model
from lunette.measures.likelihood.chains import path_of
from lunette.progress import watched
from lunette.recipes import build
from test_linear_vae import LATENT, SHAPE, linear_model

N, SCALE = 60, 0.3
HOW = Annealing(chains=16, temperatures=120)


def linear(variance=1.0, shift=0.0):
    """The linear model of pixels with deviation 0.3."""
    return linear_model(SCALE, variance, shift)


@pytest.fixture(scope="module")
def x():
    """Pictures of a model of this kind, though not drawn from it."""
    return torch.rand(N, *SHAPE, generator=torch.Generator().manual_seed(1))


def off(bounds, x, exact):
    """How far the mean bound is from the exact −log p(x), in standard errors over pictures, and in nats."""
    error = bounds + exact.logpdf(x.flatten(1).numpy())
    return error.mean() / (error.std(ddof=1) / math.sqrt(N)), error.mean()


def test_both_bounds_meet_the_exact_evidence(x):
    model, exact = linear(variance=1.5)
    pixels = (x * 255).round().to(torch.uint8)
    found, _ = off(evidence_model(model, pixels, 1000, 0).bounds, pixels / 255, exact)
    assert abs(found) < 3
    found, nats = off(annealed_bounds(model, x, how=HOW), x, exact)
    assert abs(found) < 3
    assert abs(nats) < 0.02


def test_annealing_mends_what_a_bad_encoder_spoils(x):
    model, exact = linear(variance=0.2, shift=2.0)
    pixels = (x * 255).round().to(torch.uint8)
    _, importance = off(evidence_model(model, pixels, 16, 0).bounds, pixels / 255, exact)
    # A bound's bias falls with the chains, and its error over pictures does so more slowly.
    found, annealed = off(annealed_bounds(model, x, how=Annealing(64, 300)), x, exact)
    assert importance > 0.5
    assert abs(found) < 3
    assert abs(annealed) < 0.1 < 0.2 * importance


@pytest.mark.parametrize(("variance", "shift"), [(1.5, 0.0), (0.2, 2.0)])
def test_the_sandwich_contains_the_exact_evidence(variance, shift):
    model, exact = linear(variance, shift)
    found = sandwich(model, N, how=HOW)
    truth = exact.logpdf(found.x.flatten(1).numpy())
    for below, above in ((found.lower, truth), (truth, found.upper), (found.lower, found.upper)):
        between = above - below
        assert between.mean() > -3 * between.std(ddof=1) / math.sqrt(N)
    gap = (found.upper - found.lower).mean()
    assert abs(gap) < 0.2
    # It does not close by itself: with three temperatures there are two jumps from the encoder to the truth.
    rough = sandwich(model, N, how=Annealing(16, 3))
    assert (rough.upper - rough.lower).mean() > gap


def test_without_moves_it_is_the_importance_bound(x):
    model, _ = linear(variance=1.5)
    path = path_of(model, x, None)
    u = torch.randn(5, N, LATENT)
    z = path.mean + path.spread * u
    q, p = model.encoder(x), model.prior()
    weights = model.decode((z,)).log_prob(x) + p.log_prob(z) - q.log_prob(z)
    total = path.annealed(u, [0.0, 1.0], torch.empty(0, N), lambda: None)
    assert torch.allclose(total.float(), weights, rtol=1e-4, atol=1e-4)


def test_a_transition_leaves_its_density_as_it_is():
    """From exact draws of f_β of a linear model, a normal, the draws after some moves have its mean and covariance."""
    model, _ = linear(variance=0.5, shift=1.0)
    x, beta = torch.rand(1, *SHAPE, generator=torch.Generator().manual_seed(2)), 0.4
    path = path_of(model, x, None)
    weight, bias = model.decoder.network.weight.detach(), model.decoder.network.bias.detach()
    s = path.spread[0]
    # log f_β is quadratic in u: its Hessian and slope at 0 are those of its parts.
    scaled = weight * s
    precision = (1 - beta) * torch.eye(LATENT) + beta * (scaled.T @ scaled / SCALE**2 + torch.diag(s**2))
    pull = beta * (scaled.T @ (x.flatten() - bias - weight @ path.mean[0]) / SCALE**2 - s * path.mean[0])
    mean, covariance = torch.linalg.solve(precision, pull), torch.linalg.inv(precision)
    torch.manual_seed(3)
    draws = torch.distributions.MultivariateNormal(mean.detach(), covariance.detach()).sample((20_000, 1))
    with torch.inference_mode():
        point = path.at(draws)
        for _ in range(5):
            point, likely = path.move(point, beta, torch.full((1,), 0.9))
    assert 0.3 < likely.mean() < 0.98
    after = point.u[:, 0]
    assert torch.allclose(after.mean(0), mean, atol=4 * covariance.diag().max().sqrt().item() / math.sqrt(20_000))
    assert torch.allclose(torch.cov(after.T), covariance, atol=0.05 * covariance.diag().max().item())


def test_the_same_seed_and_no_size_of_a_pass_matter(x, monkeypatch):
    model, exact = linear(variance=1.5)
    few = Annealing(6, 8)
    state = torch.get_rng_state()
    one = annealed_bounds(model, x, how=few, seed=4)
    assert np.array_equal(one, annealed_bounds(model, x, how=few, seed=4))
    assert torch.equal(state, torch.get_rng_state())
    assert not np.array_equal(one, annealed_bounds(model, x, how=few, seed=5))
    monkeypatch.setattr(annealing, "PASS_VALUES", 12 * 4)  # four chains of one picture at a time
    steps = []
    with watched(lambda progress: steps.append(progress)):
        parts = annealed_bounds(model, x[:10], how=few)
    assert np.abs(parts + exact.logpdf(x[:10].flatten(1).numpy())).max() < 0.5
    assert steps[-1].done == steps[-1].total == len(steps)


@pytest.mark.parametrize(
    ("name", "given", "y"),
    [
        ("vae", {"posterior": "full", "prior": "mixture:3", "binarize": "dynamic"}, None),
        ("vae", {"posterior": "planar:2", "prior": "flow:1", "likelihood": "logistic-mixture:2"}, None),
        ("vae", {"prior": "vamp:3", "likelihood": "beta-binomial"}, None),
        ("hvae", {}, None),
        ("cvae", {"prior": "label"}, torch.arange(3)),
    ],
)
def test_models_of_one_rung_in_a_plane_are_annealed(name, given, y):
    torch.manual_seed(0)
    model = build(name, (1, 4, 4), {"latent": 2, "network": "mlp:8"} | given, labels=10).model.eval()
    # Next to nothing is learned, so that a broad posterior and few chains are exact enough.
    bounds = sandwich(model, 3, y, Annealing(64, 20))
    assert np.isfinite(bounds.lower).all()
    assert np.abs(bounds.upper - bounds.lower).max() < 1


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("autoencoder", {}, "has no prior"),
        ("aae", {}, "of this model are points"),
        ("gumbel_vae", {"positions": 2}, "of this model are categories"),
        ("svae", {}, "lie in a sphere"),
        ("ladder", {"rungs": 2, "network": "mlp:8,8"}, "on several"),
    ],
)
def test_others_are_refused_by_name(name, given, why):
    model = build(name, (1, 4, 4), {"latent": 2, "network": "mlp:8"} | given).model.eval()
    with pytest.raises(LunetteError, match=why):
        annealed_bounds(model, torch.rand(2, 1, 4, 4))
    with pytest.raises(LunetteError, match="3 temperatures or more, not 3 through 2"):
        Annealing(3, 2)
