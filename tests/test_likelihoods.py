"""Every likelihood against SciPy, or against an integral that must be 1."""

import decimal
import math
from decimal import Decimal

import pytest
import scipy.integrate
import scipy.stats
import torch

from lunette.errors import LunetteError
from lunette.likelihoods import (
    LIKELIHOODS,
    BernoulliHead,
    ContinuousBernoulliHead,
    LaplaceHead,
    NormalPixelHead,
    OptimalNormalHead,
    SquaredErrorHead,
    StudentTHead,
    pixel_head,
)
from lunette.likelihoods.bernoulli import ContinuousBernoulli

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


@pytest.mark.parametrize("pixels", [1, 2, 7, 31, 63, 64, 784, 1023])
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_bernoulli_and_its_slopes_are_softpluses_in_float64(pixels, scale):
    """Logits of 1 to 1,023 pixels, from nearly black and white to grey; first and second slopes."""
    x = torch.rand(3, 1, 1, pixels)
    logits = (scale * torch.randn(2, 3, pixels)).requires_grad_()
    wide = logits.detach().double().requires_grad_()
    found = BernoulliHead((1, 1, pixels))(logits).log_prob(x)
    exact = (x.squeeze(1, 2).double() * wide - torch.nn.functional.softplus(wide, threshold=1e9)).sum(-1)
    torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=1e-5)
    with torch.no_grad():  # which takes another way
        found_alone = BernoulliHead((1, 1, pixels))(logits).log_prob(x)
    torch.testing.assert_close(found_alone.double(), exact, rtol=1e-6, atol=1e-5)
    weights = torch.randn(2, 3)
    (slope,) = torch.autograd.grad((weights * found).sum(), logits, create_graph=True)
    (exact_slope,) = torch.autograd.grad((weights.double() * exact).sum(), wide, create_graph=True)
    torch.testing.assert_close(slope.double(), exact_slope, rtol=0, atol=3e-6)
    (bend,) = torch.autograd.grad(slope.square().sum(), logits)
    (exact_bend,) = torch.autograd.grad(exact_slope.square().sum(), wide)
    torch.testing.assert_close(bend.double(), exact_bend, rtol=0, atol=3e-6)


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


def test_continuous_bernoullis_mean_is_its_formula_in_float64():
    logits = torch.cat([torch.linspace(-40, 40, 4000), torch.linspace(-2, 2, 4000), torch.tensor([-1e4, 1e4])])
    l = logits.double()  # noqa: E741
    logits.requires_grad_()
    mean = ContinuousBernoulli(logits).mean
    torch.testing.assert_close(mean.double(), -1 / torch.expm1(-l) - 1 / l, atol=2e-7, rtol=0)
    assert torch.autograd.grad(mean.sum(), logits)[0].isfinite().all()


LOGITS = [0.0, 1e-30, 1e-6, 1e-3, 0.03, 0.5, 0.999, 1.0, 1.001, 3.0, 10.0, 15.9, 16.1, 20.0, 40.0, 80.0, 200.0, 883.0]


def continuous_bernoulli_in_100_digits(logit, x, share):
    """Return log p(x), the mean, and the quantile of `share`, each by its formula."""
    if not logit:
        return 0.0, 0.5, share
    with decimal.localcontext() as context:
        context.prec = 100
        l, x, share = Decimal(logit), Decimal(x), Decimal(share)  # noqa: E741
        more = l.exp() - 1
        return float(l * x + (l / more).ln()), float(1 + 1 / more - 1 / l), float((1 + share * more).ln() / l)


@pytest.mark.parametrize("x", [0.0, 1e-3, 0.25, 0.5, 0.75, 1.0])
def test_continuous_bernoulli_and_its_slope_are_the_formula_in_100_digits(x):
    logits = torch.tensor([-each for each in LOGITS] + LOGITS, requires_grad=True)
    x = torch.tensor(x)
    exact = [continuous_bernoulli_in_100_digits(logit, x.item(), 0.5) for logit in logits.tolist()]
    log_density, mean, _ = torch.tensor(exact, dtype=torch.float64).T
    p = ContinuousBernoulli(logits)
    found = p.log_prob(x)
    torch.testing.assert_close(found.double(), log_density, rtol=1e-5, atol=3e-7)
    torch.testing.assert_close(p.mean.double(), mean, rtol=1e-6, atol=2e-7)
    (slope,) = torch.autograd.grad(found.sum(), logits)
    torch.testing.assert_close(slope.double(), x - mean, rtol=0, atol=3e-7)


@pytest.mark.parametrize("logit", [-883.0, -80.0, -20.0, -3.0, 0.0, 1e-3, 20.0, 80.0, 883.0])
def test_continuous_bernoullis_draws_have_its_quantiles_and_its_mean(logit):
    torch.manual_seed(0)
    p = ContinuousBernoulli(torch.tensor(logit))
    draws = p.sample((20_000,)).double()
    assert 0 <= draws.min() <= draws.max() <= 1
    for share in (0.1, 0.5, 0.9):
        _, mean, quantile = continuous_bernoulli_in_100_digits(logit, 0.5, share)
        assert (draws < quantile).double().mean().item() == pytest.approx(share, abs=4 * math.sqrt(0.25 / 20_000))
    assert draws.mean().item() == pytest.approx(mean, abs=4 * draws.std().item() / math.sqrt(20_000))


def test_continuous_bernoulli_integrates_to_1_at_any_logit():
    logits = torch.tensor([sign * each for each in LOGITS for sign in (-1, 1)])
    x = torch.linspace(0, 1, 100_001)[:, None]
    total = torch.trapezoid(ContinuousBernoulli(logits).log_prob(x).double().exp(), x.double(), dim=0)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-4)


def test_a_black_pixel_has_no_endless_density():
    features = torch.tensor([[-1e4], [-883.0], [0.0], [883.0], [1e4]], requires_grad=True)
    head = ContinuousBernoulliHead(PIXEL)
    found = head(features).log_prob(torch.zeros(PIXEL))
    bound = math.log(255 * math.sqrt(12))  # the density of an exponential whose deviation is that of rounding
    assert found[0].item() == pytest.approx(bound, rel=1e-6)
    assert found.max().item() <= bound + 1e-5
    (gradient,) = torch.autograd.grad(found.sum(), features)
    assert gradient.isfinite().all()
    assert gradient[1] < 0
    torch.testing.assert_close(gradient[2], torch.tensor([-0.5]))


def extreme(head):
    """Return features (160, F) of one pixel, up to ±10⁴, with a gradient."""
    torch.manual_seed(0)
    sizes = 10 ** torch.linspace(-3, 4, 150)[:, None]
    corners = torch.tensor([0.0, -1e4, 1e4, -1.0, 1.0])[:, None].expand(-1, head.features)
    mixed = 1e4 * torch.randn(5, head.features).sign()
    return torch.cat([sizes * (2 * torch.rand(150, head.features) - 1), corners, mixed]).requires_grad_()


@pytest.mark.parametrize("spec", LIKELIHOODS)
def test_densities_and_their_gradients_are_finite_for_any_features(spec):
    head = pixel_head(spec, PIXEL)
    features = extreme(head)
    learned = [parameter for parameter in head.parameters() if parameter.requires_grad]
    for x in (0.0, 1 / 255, 0.5, 1.0):
        logs = head(features).log_prob(torch.full((len(features), *PIXEL), x))
        assert logs.isfinite().all()
        if head.kind == "mass":
            assert logs.max() <= 1e-4
        for gradient in torch.autograd.grad(logs.sum(), [features, *learned]):
            assert gradient.isfinite().all()


@pytest.mark.parametrize("spec", LIKELIHOODS)
def test_features_of_bfloat16_products_make_float32_densities(spec):
    head = pixel_head(spec, PIXEL).eval()
    features = extreme(head).detach().bfloat16()
    x = torch.full((len(features), *PIXEL), 0.3)
    with torch.autocast("cpu", torch.bfloat16):
        p = head(features)
        log_density, mean = p.log_prob(x), p.mean
    expected = head(features.float())
    assert log_density.equal(expected.log_prob(x))
    assert mean.equal(expected.mean)


@pytest.mark.parametrize("spec", ["binarized", *sorted(set(LIKELIHOODS) - {"bernoulli", "squared-error"})])
def test_every_likelihood_sums_or_integrates_to_1_for_any_features(spec):
    head = (BernoulliHead(PIXEL, "dynamic") if spec == "binarized" else pixel_head(spec, PIXEL)).eval()
    if spec == "binarized":
        x = torch.arange(2.0)
    elif head.kind == "mass":
        x = torch.arange(256) / 255
    else:
        x = torch.linspace(0, 1, 100_001) if spec == "continuous-bernoulli" else torch.linspace(-100, 101, 40_201)
    with torch.no_grad():
        p = head(extreme(head)).log_prob(x.reshape(-1, 1, *PIXEL)).double().exp()
    total = p.sum(0) if head.kind == "mass" else torch.trapezoid(p, x.double(), dim=0)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=2e-4)


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


def test_students_t_is_scipys():
    features, x = features_and_images()
    head = StudentTHead(SHAPE, 0.05)
    torch.nn.init.constant_(head.logit_df, math.log(0.7 / 99.3))  # ν = 0.7
    mean = features.sigmoid().reshape(5, *SHAPE)
    expected = scipy.stats.t.logpdf(x.numpy(), 0.7, mean.double().numpy(), 0.05).reshape(5, -1).sum(1)
    torch.testing.assert_close(head(features).log_prob(x).double(), torch.from_numpy(expected), rtol=1e-5, atol=1e-4)
    assert head(features).mean.equal(mean)


@pytest.mark.parametrize("logit_df", [-9.0, -3.0, 9.0])
def test_students_t_integrates_to_1_and_its_constant_holds_for_any_degrees_of_freedom(logit_df):
    head = StudentTHead(PIXEL, 0.1)
    torch.nn.init.constant_(head.logit_df, logit_df)
    df = 100 / (1 + math.exp(-logit_df))
    far = scipy.stats.t.sf(50, df, 0.5, 0.1) * 2  # beyond what is integrated
    total, _ = scipy.integrate.quad(
        lambda x: density_of_one_pixel(head, 0.0, x), -49, 50, points=[0.3, 0.5, 0.7], limit=500, epsabs=1e-5
    )
    assert total + far == pytest.approx(1, abs=2e-3 if logit_df < -5 else 1e-4)


def test_students_t_learns_the_scale_and_the_degrees_of_freedom_that_scipy_fits():
    torch.manual_seed(0)
    x = 0.5 + 0.1 * torch.from_numpy(scipy.stats.t.rvs(3, size=(1, 1, 40, 50), random_state=0)).float()
    head = StudentTHead((1, 40, 50))
    optimizer = torch.optim.Adam(head.parameters(), 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        (-head(torch.zeros(1, 2000)).log_prob(x).sum()).backward()
        optimizer.step()
    df, _, scale = scipy.stats.t.fit(x.numpy().ravel(), floc=0.5)
    assert head.scale.item() == pytest.approx(scale, rel=5e-3)
    assert 100 * head.logit_df.sigmoid().item() == pytest.approx(df, rel=5e-3)


@pytest.mark.parametrize("spec", ["normal:0.2", "laplace:0.2", "student-t:0.2"])
def test_draws_have_the_median_and_the_quartiles_of_the_density(spec):
    torch.manual_seed(0)
    draws = pixel_head(spec, PIXEL)(torch.tensor([0.7])).sample((20_000,)).flatten()
    centre = 1 / (1 + math.exp(-0.7))
    cdf = {"normal": scipy.stats.norm, "laplace": scipy.stats.laplace, "student-t": scipy.stats.t(5)}[spec[:-4]].cdf
    for edge in (-0.15, 0.0, 0.15):
        share = (draws < centre + edge).float().mean().item()
        assert share == pytest.approx(cdf(edge / 0.2), abs=4 * math.sqrt(0.25 / 20_000))


def test_the_optimal_variance_is_the_mean_squared_error_and_the_least_distortion():
    features, x = features_and_images()
    features = torch.stack([features, features + 1]).requires_grad_()  # K = 2
    bits = OptimalNormalHead(SHAPE)
    error = (x - features.sigmoid().reshape(2, 5, *SHAPE)).square().mean()
    distortion = -bits(features).log_prob(x).mean()
    closed = 12 * (2 * math.pi * math.e * error).log()  # C·H·W / 2 = 12
    torch.testing.assert_close(distortion, closed)
    ours, autograds = (torch.autograd.grad(value, features)[0] for value in (distortion, closed))
    torch.testing.assert_close(ours, autograds)  # though no gradient goes through σ²
    for factor in (0.8, 0.99, 1.01, 1.25):
        other = NormalPixelHead(SHAPE, factor * error.sqrt().item())
        assert -other(features).log_prob(x).mean() > distortion


def test_evaluation_keeps_the_variance_that_training_came_to():
    features, x = features_and_images()
    head = OptimalNormalHead(SHAPE)
    for _ in range(200):
        head(features).log_prob(x)
    error = (x - features.sigmoid().reshape(5, *SHAPE)).square().mean()
    torch.testing.assert_close(head.variance, error[None])
    loaded = OptimalNormalHead(SHAPE).eval()
    loaded.load_state_dict(head.state_dict())
    fixed = NormalPixelHead(SHAPE, error.sqrt().item())
    torch.testing.assert_close(loaded(features[:2]).log_prob(x[:2] / 2), fixed(features[:2]).log_prob(x[:2] / 2))
    assert loaded.variance.equal(head.variance)


def test_a_perfect_picture_has_no_infinite_density():
    head = OptimalNormalHead(PIXEL)
    bound = scipy.stats.norm.logpdf(0, 0, 1 / (255 * math.sqrt(12)))
    assert head(torch.zeros(3, 1)).log_prob(torch.full((3, *PIXEL), 0.5)).tolist() == pytest.approx([bound] * 3)


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
        ("normal:wide", "needs a number greater than 0"),
        ("normal:0", "greater than 0"),
        ("laplace:-1", "greater than 0"),
        ("normal:nan", "greater than 0"),
        ("bernoulli:0.3", "takes no number"),
        ("categorical:256", "takes no number"),
        ("optimal-normal:1", "takes no number"),
        ("beta-binomal", "did you mean 'beta-binomial'"),
        ("logistic-mixtures:3", "did you mean 'logistic-mixture'"),
        ("logistic-mixture:0", "a whole number of 1 or more"),
        ("logistic-mixture:2.5", "needs a whole number of 1 or more, like logistic-mixture:5"),
        ("student-t:-1", "greater than 0"),
    ],
)
def test_a_wrong_spec_is_refused(spec, words):
    with pytest.raises(LunetteError, match=words):
        pixel_head(spec, SHAPE)


def test_only_bernoulli_takes_black_and_white_pixels():
    for name in ("normal", "categorical"):
        with pytest.raises(LunetteError, match=f"{name} is a distribution of grey ones: use the likelihood bernoulli"):
            pixel_head(name, SHAPE, "dynamic")
