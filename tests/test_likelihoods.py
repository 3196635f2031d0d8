"""Every likelihood against SciPy, or against an integral that must be 1."""

import math

import pytest
import scipy.integrate
import scipy.stats
import torch

from lunette.errors import LunetteError
from lunette.likelihoods import (
    BernoulliHead,
    ContinuousBernoulliHead,
    LaplaceHead,
    NormalPixelHead,
    SquaredErrorHead,
    pixel_head,
)

SHAPE = (2, 3, 4)
PIXEL = (1, 1, 1)


def features_and_images():
    torch.manual_seed(0)
    return torch.randn(5, 24) * 2, torch.rand(5, *SHAPE)


def density_of_one_pixel(head, logit, x):
    return math.exp(head(torch.tensor([logit])).log_prob(torch.full(PIXEL, x)).item())


def test_bernoulli_of_black_and_white_pixels_is_scipys():
    logits, x = features_and_images()
    x = x.round()
    ours = BernoulliHead(SHAPE)(logits).log_prob(x)
    p = logits.reshape(5, *SHAPE).sigmoid().double().numpy()
    reference = scipy.stats.bernoulli.logpmf(x.numpy(), p).reshape(5, -1).sum(1)
    torch.testing.assert_close(ours.double(), torch.from_numpy(reference), rtol=1e-5, atol=1e-5)


def test_bernoulli_of_grey_pixels_is_binary_cross_entropy():
    logits, x = features_and_images()
    ours = BernoulliHead(SHAPE)(logits).log_prob(x)
    p = logits.double().sigmoid().reshape(5, *SHAPE)
    reference = (x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2, 3))
    torch.testing.assert_close(ours.double(), reference, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("logit", [-6.0, -0.7, 0.0, 1e-3, 2.5, 6.0])
def test_continuous_bernoulli_integrates_to_1(logit):
    head = ContinuousBernoulliHead(PIXEL)
    total, _ = scipy.integrate.quad(lambda x: density_of_one_pixel(head, logit, x), 0, 1, epsabs=1e-5)
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("logit", [-6.0, -0.7, 0.0, 2.5])
def test_continuous_bernoullis_mean_is_that_of_its_density(logit):
    head = ContinuousBernoulliHead(PIXEL)
    mean, _ = scipy.integrate.quad(lambda x: x * density_of_one_pixel(head, logit, x), 0, 1)
    assert head(torch.tensor([logit])).mean.item() == pytest.approx(mean, abs=1e-3)


@pytest.mark.parametrize(
    ("head", "reference"),
    [(NormalPixelHead(SHAPE, 0.3), scipy.stats.norm), (LaplaceHead(SHAPE, 0.3), scipy.stats.laplace)],
)
def test_location_likelihoods_are_scipys(head, reference):
    features, x = features_and_images()
    mean = features.sigmoid().reshape(5, *SHAPE).double().numpy()
    expected = reference.logpdf(x.numpy(), mean, 0.3).reshape(5, -1).sum(1)
    torch.testing.assert_close(head(features).log_prob(x).double(), torch.from_numpy(expected), rtol=1e-4, atol=1e-4)


def test_squared_error_is_the_sum_of_squares_and_the_normal_without_its_constant():
    features, x = features_and_images()
    squares = (x - features.sigmoid().reshape(5, *SHAPE)).square().sum((1, 2, 3))
    torch.testing.assert_close(-SquaredErrorHead(SHAPE)(features).log_prob(x), squares)
    constant = 24 * math.log(0.5**0.5 * math.sqrt(2 * math.pi))
    torch.testing.assert_close(-NormalPixelHead(SHAPE, 0.5**0.5)(features).log_prob(x), squares + constant)


def test_the_tutorials_squared_error_is_of_pixels_from_minus_1_to_1():
    features, x = features_and_images()
    drawn = features.sigmoid().reshape(5, *SHAPE)
    expected = ((2 * x - 1) - (2 * drawn - 1)).square().sum((1, 2, 3))
    torch.testing.assert_close(-pixel_head("squared-error:0.35355339", SHAPE)(features).log_prob(x), expected)


def test_a_learned_scale_moves_to_the_spread_of_the_data():
    torch.manual_seed(0)
    head = NormalPixelHead((1, 40, 50))
    x = 0.5 + 0.1 * torch.randn(1, 1, 40, 50)
    optimizer = torch.optim.Adam(head.parameters(), 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (-head(torch.zeros(1, 2000)).log_prob(x).sum()).backward()
        optimizer.step()
    assert head.scale.item() == pytest.approx((x - 0.5).square().mean().sqrt().item(), rel=1e-3)


def test_binarization_makes_black_and_white_targets():
    x = torch.tensor([0.0, 0.4, 0.5, 1.0]).reshape(1, 1, 2, 2)
    assert BernoulliHead((1, 2, 2)).target(x).equal(x)
    assert BernoulliHead((1, 2, 2), "threshold").target(x).flatten().tolist() == [0, 0, 1, 1]
    torch.manual_seed(0)
    draws = BernoulliHead((1, 2, 2), "dynamic").target(x.expand(10_000, 1, 2, 2))
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    means = draws.mean(0).flatten()
    assert means[0] == 0
    assert means[3] == 1
    assert means[1].item() == pytest.approx(0.4, abs=4 * math.sqrt(0.24 / 10_000))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("normall", "did you mean 'normal'"),
        ("normal:wide", "must be a number"),
        ("normal:0", "greater than 0"),
        ("laplace:-1", "greater than 0"),
        ("normal:nan", "greater than 0"),
        ("bernoulli:0.3", "has no scale"),
    ],
)
def test_a_wrong_spec_is_refused(spec, words):
    with pytest.raises(LunetteError, match=words):
        pixel_head(spec, SHAPE)


def test_only_bernoulli_takes_black_and_white_pixels():
    with pytest.raises(LunetteError, match="use the likelihood bernoulli"):
        pixel_head("normal", SHAPE, "dynamic")
