"""Likelihoods of 8-bit pixels: a probability for each of 256 levels, against SciPy; and every head in a model."""

import itertools
import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch

from lunette.images.sources.digits import digits
from lunette.likelihoods import LIKELIHOODS, pixel_head
from lunette.objectives import loss
from lunette.recipes import build

PIXEL = (1, 1, 1)
LEVELS = torch.arange(256).reshape(256, *PIXEL) / 255
EDGES = (np.arange(255) + 0.5) / 255  # between the levels
EXTREMES = [-50.0, -8.0, -1.0, 0.0, 1.0, 8.0, 50.0]
SCALES = [1e-5, 1e-3, 0.02, 0.25, 3.0, 1e3]


def log_masses(head, features):
    """Return log P of the 256 levels of one pixel, (256,)."""
    return head(features.expand(256, -1)).log_prob(LEVELS)


def heads_and_features():
    """Yield heads of every kind with features of one pixel, at the edges of what they may be and between."""
    for scale, feature in itertools.product(SCALES, EXTREMES):
        yield pixel_head(f"discretized-logistic:{scale}", PIXEL), torch.tensor([feature])
    for pair in itertools.product(EXTREMES, EXTREMES):
        yield pixel_head("beta-binomial", PIXEL), torch.tensor(pair)
        yield pixel_head("logistic-mixture:1", PIXEL), torch.tensor([0.0, *pair])
    torch.manual_seed(0)
    for spread in (0.1, 1, 5, 50):
        for spec in ("categorical", "logistic-mixture:4", "logistic-mixture", "beta-binomial"):
            head = pixel_head(spec, PIXEL)
            yield head, spread * torch.randn(head.features)


def test_256_levels_sum_to_1_and_no_feature_changes_that():
    for head, features in heads_and_features():
        features.requires_grad_()
        total = log_masses(head, features).exp().sum()
        assert total.item() == pytest.approx(1, abs=1e-4), (head, features)
        (gradient,) = torch.autograd.grad(total, features)
        assert gradient.abs().max() < 2e-3, (head, features)


def test_log_probabilities_and_gradients_are_finite_at_every_level():
    for head, features in heads_and_features():
        features.requires_grad_()
        logs = log_masses(head, features)
        assert logs.isfinite().all(), (head, features)
        assert logs.max() <= 1e-4, (head, features)
        for value in (logs.sum(), logs[0], logs[-1]):
            (gradient,) = torch.autograd.grad(value, features, retain_graph=True)
            assert gradient.isfinite().all(), (head, features)


def test_a_learned_scale_has_a_finite_gradient_wherever_it_is():
    head = pixel_head("discretized-logistic", PIXEL)
    for scale, feature in itertools.product(SCALES, EXTREMES):
        torch.nn.init.constant_(head.log_scale, math.log(scale))
        (gradient,) = torch.autograd.grad(log_masses(head, torch.tensor([feature])).sum(), head.log_scale)
        assert gradient.isfinite()


@pytest.mark.parametrize("scale", [1e-3, 0.02, 0.25, 3.0])
@pytest.mark.parametrize("feature", [-3.0, -0.6, 0.013, 1.0])
def test_the_discretised_logistic_is_scipys(scale, feature):
    logistic = scipy.stats.logistic((1 + feature) / 2, scale)
    ours = log_masses(pixel_head(f"discretized-logistic:{scale}", PIXEL), torch.tensor([feature])).double().numpy()
    assert ours[0] == pytest.approx(logistic.logcdf(EDGES[0]), rel=1e-4, abs=1e-5)
    assert ours[-1] == pytest.approx(logistic.logsf(EDGES[-1]), rel=1e-4, abs=1e-5)
    above, below = logistic.logsf(EDGES), logistic.logcdf(EDGES)  # whichever is small tells apart far levels
    with np.errstate(divide="ignore"):
        upper = above[:-1] + np.log1p(-np.exp(above[1:] - above[:-1]))
        lower = below[1:] + np.log1p(-np.exp(below[:-1] - below[1:]))
    np.testing.assert_allclose(ours[1:-1], np.where(above[1:] < below[1:], upper, lower), rtol=1e-4, atol=1e-4)


def test_each_pixel_and_channel_has_its_own_features():
    torch.manual_seed(0)
    shape = (3, 2, 4)
    x = (torch.rand(5, *shape) * 255).round() / 255
    k = (x * 255).round().numpy()
    features = 2 * torch.randn(5, 2, *shape)
    ours = pixel_head("beta-binomial", shape)(features.flatten(1)).log_prob(x)
    alpha, beta = np.exp(9 * np.tanh(features.double().numpy() / 9)).swapaxes(0, 1)
    expected = scipy.stats.betabinom.logpmf(k, 255, alpha, beta).sum((1, 2, 3))
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-5)
    logits = torch.randn(5, 256, *shape)
    ours = pixel_head("categorical", shape)(logits.flatten(1)).log_prob(x)
    logs = scipy.special.log_softmax(logits.double().numpy(), axis=1)
    expected = np.take_along_axis(logs, k[:, None].astype(int), 1).sum((1, 2, 3, 4))
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-5)
    features = torch.randn(5, 3, 2, *shape)  # weights, means and scales of 2 components
    ours = pixel_head("logistic-mixture:2", shape)(features.flatten(1)).log_prob(x)
    weights, loc, scale = features.double().numpy().swapaxes(0, 1)
    parts = scipy.stats.logistic((1 + loc) / 2, np.exp(7 * np.tanh(scale / 7)) / 2)
    k = k[:, None]
    upper = np.where(k == 255, 1, parts.cdf((k + 0.5) / 255))
    lower = np.where(k == 0, 0, parts.cdf((k - 0.5) / 255))
    masses = (scipy.special.softmax(weights, axis=1) * (upper - lower)).sum(1)
    np.testing.assert_allclose(ours.numpy(), np.log(masses).sum((1, 2, 3)), rtol=1e-5)


def test_the_beta_binomial_is_scipys_up_to_its_narrowest():
    k = np.arange(256)
    for pair in itertools.product((-50.0, -2.0, 0.0, 3.0, 50.0), repeat=2):
        alpha, beta = np.exp(9 * np.tanh(np.array(pair) / 9))
        ours = log_masses(pixel_head("beta-binomial", PIXEL), torch.tensor(pair)).numpy()
        np.testing.assert_allclose(ours, scipy.stats.betabinom.logpmf(k, 255, alpha, beta), rtol=1e-4, atol=1e-4)


def test_means_are_those_of_the_levels():
    for head, features in heads_and_features():
        masses = log_masses(head, features).double().exp()
        exact = (masses * LEVELS.flatten()).sum().item()
        mean = head(features).mean.item()
        rounded = "logistic" in type(head).__name__.lower()  # the mean of a logistic is that before rounding
        assert 0 <= mean <= 1
        assert mean == pytest.approx(exact, abs=1 / 510 + 1e-4 if rounded else 2e-5), (head, features)


@pytest.mark.parametrize("spec", ["discretized-logistic:0.3", "logistic-mixture:3", "beta-binomial", "categorical"])
def test_draws_are_levels_as_often_as_their_probability_says(spec):
    torch.manual_seed(0)
    head = pixel_head(spec, PIXEL)
    features = torch.randn(head.features)
    draws = head(features).sample((20_000,)).flatten() * 255
    torch.testing.assert_close(draws, draws.round(), rtol=0, atol=1e-4)
    counts = torch.bincount(draws.round().long(), minlength=256).reshape(32, 8).sum(1).numpy()
    expected = log_masses(head, features).double().exp().reshape(32, 8).sum(1).numpy() * 20_000
    assert scipy.stats.chisquare(counts, expected * 20_000 / expected.sum()).pvalue > 1e-3


def test_heads_say_what_their_numbers_are():
    kinds = {name: pixel_head(name, PIXEL).kind for name in LIKELIHOODS}
    eight_bits = {"discretized-logistic", "logistic-mixture", "beta-binomial", "categorical"}
    assert {name for name, kind in kinds.items() if kind == "mass"} == eight_bits
    assert {name for name, kind in kinds.items() if kind == "none"} == {"bernoulli", "squared-error"}
    assert pixel_head("bernoulli", PIXEL, "dynamic").kind == "mass"


@pytest.mark.parametrize("network", ["mlp:16", "conv:4/2,4/2"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_head_trains(likelihood, network):
    torch.manual_seed(0)
    x = digits().pixels[:40] / 255
    if network != "mlp:16":  # in colour
        x = (x * torch.tensor([255.0, 100, 30]).reshape(3, 1, 1)).round() / 255
    recipe = build("vae", x.shape[1:], {"latent": 4, "network": network, "likelihood": likelihood})
    optimizer = torch.optim.Adam(recipe.model.parameters(), 5e-3)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        losses.append(loss(recipe.objective(recipe.model, recipe.model.trace(x)), recipe.objective.weights(1)))
        losses[-1].backward()
        optimizer.step()
    for parameter in recipe.model.parameters():
        assert not parameter.requires_grad or parameter.grad.any()
    assert losses[-1] < losses[0] - 1
    drawn = recipe.model.eval().decode(recipe.model.draw(3))
    assert 0 <= drawn.mean.min() <= drawn.mean.max() <= 1
    draws = drawn.sample((2,))
    assert draws.shape == (2, 3, *x.shape[1:])
    assert drawn.log_prob(draws).shape == (2, 3)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_stacked_autoencoders_first_layer_draws_the_mean_picture(likelihood):
    torch.manual_seed(0)
    recipe = build("stacked", (3, 4, 5), {"likelihood": likelihood, "network": "mlp:16"})
    layer = recipe.stages[0].model
    trace = layer.trace(torch.rand(2, 3, 4, 5))
    z = trace.latents[0].z
    expected = recipe.model.decoder.head(recipe.model.decoder.network[-1](z)).mean
    torch.testing.assert_close(trace.px.mean, expected.flatten(-3))
