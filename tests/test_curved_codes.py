"""Codes on the sphere and in the Poincaré ball against SciPy, numerical integration and finite differences."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import torch
from torch.distributions import kl_divergence

from lunette.codes.curved.ball import BallHead, BallPrior, WrappedNormal, exp_at_0, inside, log_at_0, mobius_sum
from lunette.codes.curved.bessel import log_bessel
from lunette.codes.curved.sphere import SphereHead, SpherePrior, VonMisesFisher
from lunette.errors import LunetteError
from lunette.images.sources.digits import digits
from lunette.likelihoods import pixel_head
from lunette.models import Autoencoder, Conditional
from lunette.networks import architecture
from lunette.objectives import distortion, rate
from lunette.randomness import part_of_batch

CASES = [(D, κ) for D in (2, 3, 10, 50) for κ in (1e-3, 1.0, 30.0, 1e6)]
DRAWS = 8000


def sphere(D, κ, n=1):
    """Return von Mises–Fisher around (1, 2, …, D) / length: n equal ones, whose parameters are leaves."""
    μ = torch.arange(1.0, D + 1, dtype=torch.float64)
    μ = (μ / μ.norm()).repeat(n, 1).requires_grad_()
    κ = torch.full((n,), κ, dtype=torch.float64, requires_grad=True)
    return VonMisesFisher(μ, κ), μ, κ


def close_to(draws, expected, errors=4.5):
    """Assert that the mean of draws (N, …) is `expected`, within its standard errors."""
    draws = draws.detach().double()
    error = draws.std(0) / math.sqrt(len(draws))
    assert ((draws.mean(0) - torch.as_tensor(expected)).abs() <= errors * error + 1e-12).all()


def angles(D, κ):
    """Nodes of integration over the angle to μ, and h = sin^(D−2) exp(κ (cos − 1)) times their weights."""
    top = min(math.pi, 10 * math.sqrt(D / κ))
    x, weights = np.polynomial.legendre.leggauss(400)
    θ = top * (x + 1) / 2
    return θ, weights * top / 2 * np.sin(θ) ** (D - 2) * np.exp(-2 * κ * np.sin(θ / 2) ** 2)


def log_area(D):
    return math.log(2) + D / 2 * math.log(math.pi) - scipy.special.gammaln(D / 2)


def sphere_kl(D, κ):
    θ, h = angles(D, κ)
    fall = (h * -2 * κ * np.sin(θ / 2) ** 2).sum() / h.sum()
    return fall - math.log(h.sum()) - (log_area(D - 1) if D > 2 else math.log(2)) + log_area(D)


@pytest.mark.parametrize("order", [0, 0.5, 4, 9.5, 15.5, 49, 150])
def test_bessel_functions_are_scipys(order):
    x = torch.logspace(0 if order > 100 else -3, 6, 40, dtype=torch.float64, requires_grad=True)
    log, ratio = log_bessel(order, x)
    at = x.detach().numpy()
    scaled, higher = scipy.special.ive(order, at), scipy.special.ive(order + 1, at)
    keep = higher > 1e-290  # SciPy's underflow
    np.testing.assert_allclose(log.detach()[keep], np.log(scaled[keep]) - order * np.log(at[keep]), atol=3e-8)
    np.testing.assert_allclose(ratio.detach()[keep], higher[keep] / scaled[keep], rtol=3e-8)
    (slope,) = torch.autograd.grad(log.sum(), x)
    torch.testing.assert_close(slope + 1, ratio.detach(), atol=1e-7, rtol=1e-7)
    at_0, _ = log_bessel(order, torch.zeros((), dtype=torch.float64))
    assert at_0.item() == pytest.approx(-order * math.log(2) - scipy.special.gammaln(order + 1), abs=3e-8)


@pytest.mark.parametrize(("D", "κ"), CASES)
def test_the_spheres_density_is_scipys(D, κ):
    q, μ, _ = sphere(D, κ)
    z = torch.cat([q.rsample((20,))[:, 0], SpherePrior(D).double()().sample((20,))]).detach()
    expected = scipy.stats.vonmises_fisher(μ[0].detach().numpy(), κ).logpdf(z.numpy())
    np.testing.assert_allclose(q.log_prob(z.unsqueeze(1))[:, 0].detach(), expected, rtol=1e-8, atol=1e-5)


@pytest.mark.parametrize("κ", [0.0, 1.0, 30.0])
def test_the_spheres_density_integrates_to_1(κ):
    turn = torch.linspace(0, 2 * math.pi, 401, dtype=torch.float64)[:-1]
    circle = torch.stack([turn.cos(), turn.sin()], -1)
    p = sphere(2, κ)[0].log_prob(circle).exp()
    assert p.mean().item() * 2 * math.pi == pytest.approx(1, abs=1e-7)
    height, weights = map(torch.tensor, np.polynomial.legendre.leggauss(200))
    height, weights = height[:, None, None], weights[:, None]
    ball = torch.cat([(1 - height**2).sqrt() * circle, height.expand(-1, 400, 1)], -1)
    p = sphere(3, κ)[0].log_prob(ball).exp()
    assert (p.mean(1, keepdim=True) * weights).sum().item() * 2 * math.pi == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize(("D", "κ"), CASES)
def test_draws_on_the_sphere_are_of_their_density(D, κ):
    torch.manual_seed(0)
    q, μ, _ = sphere(D, κ)
    z, μ = q.rsample((DRAWS,))[:, 0].detach(), μ[0].detach()
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(DRAWS, dtype=torch.float64))
    A = scipy.special.ive(D / 2, κ) / scipy.special.ive(D / 2 - 1, κ)
    close_to(z, A * μ)  # A is the mean resultant length
    w = torch.randn(D, 3, dtype=torch.float64)
    close_to((z @ w).square(), A / κ * w.square().sum(0) + (1 - D * A / κ) * (μ @ w).square())
    θ, _ = angles(D, κ)
    order = np.sort(2 * np.arcsin((z - μ).norm(dim=-1).numpy() / 2))
    fine = np.linspace(0, θ[-1] * 1.001, 20_001)
    density = np.sin(fine) ** (D - 2) * np.exp(-2 * κ * np.sin(fine / 2) ** 2)
    cdf = scipy.integrate.cumulative_trapezoid(density, fine, initial=0)
    assert scipy.stats.kstest(order, lambda x: np.interp(x, fine, cdf / cdf[-1])).pvalue > 1e-3


@pytest.mark.parametrize(("D", "κ"), CASES)
def test_the_spheres_rate_and_its_gradient_against_numerical_integration(D, κ):
    q, _, at = sphere(D, κ)
    kl = kl_divergence(q, SpherePrior(D)())
    assert kl.item() == pytest.approx(sphere_kl(D, κ), rel=1e-6, abs=5e-8)
    (slope,) = torch.autograd.grad(kl.sum(), at)
    step = 1e-3 * κ
    expected = (sphere_kl(D, κ + step) - sphere_kl(D, κ - step)) / (2 * step)
    assert slope.item() == pytest.approx(expected, rel=1e-5, abs=1e-8)
    single = VonMisesFisher(torch.eye(D)[:1], torch.full((1,), κ))
    assert kl_divergence(single, SpherePrior(D)()).item() == pytest.approx(kl.item(), rel=1e-6, abs=1e-5)


@pytest.mark.parametrize(("D", "κ"), [(2, 0.5), (2, 30.0), (3, 0.5), (3, 1e4), (10, 5.0), (50, 40.0)])
def test_gradients_of_means_on_the_sphere(D, κ):
    torch.manual_seed(1)
    q, μ, at = sphere(D, κ, n=DRAWS)
    a = torch.randn(D, dtype=torch.float64)
    (q.rsample() @ a).exp().sum().backward()
    # E exp(a·z) = C(|κ μ + a|) / C(κ) for the constant C of the density.
    q, one, k = sphere(D, κ)
    tilted = (k * one[0] + a).norm()
    (upper, _), (lower, _) = log_bessel(D / 2 - 1, tilted), log_bessel(D / 2 - 1, k[0])
    (upper + tilted - lower - k[0]).exp().backward()
    close_to(at.grad, k.grad)
    μ0 = one[0].detach()
    close_to(μ.grad - (μ.grad @ μ0).unsqueeze(-1) * μ0, one.grad[0] - one.grad[0] @ μ0 * μ0)  # along the sphere


def test_the_sphere_in_float32_stays_finite():
    head = SphereHead(20)
    features = torch.randn(6, 21)
    features[:, -1] = torch.tensor([-1e4, -10.0, 0.0, 10.0, 1e4, 1e7])
    features.requires_grad_()
    q, p = head(features), SpherePrior(20)()
    z = q.rsample((100,))
    total = kl_divergence(q, p).sum() + q.log_prob(z).sum() - p.log_prob(z).sum() + z.sum()
    (gradient,) = torch.autograd.grad(total, features)
    assert total.isfinite()
    assert gradient.isfinite().all()
    ratios = (q.log_prob(z) - p.log_prob(z)).mean(0)
    torch.testing.assert_close(ratios, kl_divergence(q, p), atol=2.0, rtol=0.1)


def ball(c=1.0, n=1):
    """Return a wrapped normal off the centre, n equal ones, whose parameters are leaves."""
    mean = (torch.tensor([0.5, -0.3], dtype=torch.float64) / math.sqrt(c)).repeat(n, 1).requires_grad_()
    std = (torch.tensor([0.4, 0.8], dtype=torch.float64) / math.sqrt(c)).repeat(n, 1).requires_grad_()
    return WrappedNormal(mean, std, c), mean, std


def disc(c):
    """Nodes (M, 2) and weights (M) of integration over the disc |z| < 1 / √c, fine towards its border."""
    x, weights = map(torch.tensor, np.polynomial.legendre.leggauss(150))
    s, turn = 6 * (x + 1), torch.linspace(0, 2 * math.pi, 201, dtype=torch.float64)[:-1]
    radius = (s / 2).tanh()
    weights = 6 * weights * radius * (1 - radius**2) / 2 * 2 * math.pi / 200 / c
    circle = torch.stack([turn.cos(), turn.sin()], -1)
    return (radius[:, None, None] * circle / math.sqrt(c)).flatten(0, 1), weights.repeat_interleave(200)


def test_the_balls_maps():
    torch.manual_seed(2)
    c = 0.7
    v = torch.randn(50, 4, dtype=torch.float64)
    x, y = exp_at_0(v, c), exp_at_0(v.flip(0) * 2, c)
    torch.testing.assert_close(log_at_0(x, c), v)
    torch.testing.assert_close(mobius_sum(-y, mobius_sum(y, x, c), c), x)
    between = (x - y).square().sum(-1) / ((1 - c * x.square().sum(-1)) * (1 - c * y.square().sum(-1)))
    expected = (1 + 2 * c * between).acosh() / math.sqrt(c)
    torch.testing.assert_close(2 * log_at_0(mobius_sum(-x, y, c), c).norm(dim=-1), expected)
    assert exp_at_0(torch.zeros(2), c).equal(torch.zeros(2))
    assert inside(x, c).equal(x)
    assert inside(100 * x, c).norm(dim=-1).max() < 1 / math.sqrt(c)


@pytest.mark.parametrize("c", [0.1, 1.0, 3.0])
def test_the_balls_densities_integrate_to_1(c):
    z, weights = disc(c)
    for p in (ball(c)[0], BallPrior(2, c).double()()):
        assert (p.log_prob(z).exp() * weights).sum().item() == pytest.approx(1, abs=1e-5)


def test_without_curvature_the_wrapped_normal_is_a_normal_of_half_the_spread():
    mean, std = torch.tensor([1.0, -2.0, 0.5]).double(), torch.tensor([0.4, 1.0, 2.0]).double()
    z = torch.randn(30, 3, dtype=torch.float64)
    expected = scipy.stats.norm(mean, std / 2).logpdf(z).sum(-1)
    np.testing.assert_allclose(WrappedNormal(mean, std, 1e-8).log_prob(z), expected, atol=1e-5)


def test_draws_in_the_ball_and_their_gradients_are_of_the_density():
    torch.manual_seed(3)
    q, mean, std = ball(n=100_000)
    z = q.rsample()
    (z.prod(-1) + z[:, 0].exp()).sum().backward()
    one, mean1, std1 = ball()
    nodes, weights = disc(1.0)
    density = one.log_prob(nodes).exp() * weights
    ((nodes.prod(-1) + nodes[:, 0].exp()) * density).sum().backward()
    density = density.detach()
    close_to(z, density @ nodes)
    close_to(z.square(), density @ nodes.square())
    close_to(z.prod(-1), density @ nodes.prod(-1))
    close_to(mean.grad, mean1.grad[0])
    close_to(std.grad, std1.grad[0])
    p = BallPrior(2)()
    with torch.no_grad():
        expected = density @ (one.log_prob(nodes) - p.log_prob(nodes))
        close_to(q.log_prob(z) - p.log_prob(z), expected)
        # In single precision as well, where codes are told apart less near the border.
        q = WrappedNormal(q.mean.float(), q.std.float(), 1.0)
        z = q.rsample()
        close_to(q.log_prob(z) - p.log_prob(z), expected)


def test_the_ball_in_float32_stays_finite_at_its_border():
    features = torch.randn(5, 12) * torch.tensor([0.0, 1e-8, 1.0, 10.0, 1e3]).unsqueeze(-1)
    features[:, 6:].clamp_(-10, 10)
    features.requires_grad_()
    head = BallHead(6, 2.0)
    q, p = head(features), BallPrior(6, 2.0)()
    z = q.rsample((50,))
    assert z.norm(dim=-1).max() < 1 / math.sqrt(2)
    total = (q.log_prob(z) - p.log_prob(z)).sum()
    (gradient,) = torch.autograd.grad(total + z.sum(), features)
    assert total.isfinite()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("head", [SphereHead(5), SphereHead(2), BallHead(5)])
def test_an_image_meets_the_same_noise_in_parts_of_a_batch(head):
    features = 3 * torch.randn(8, head.features)
    torch.manual_seed(4)
    whole = head(features).rsample((3,))
    for start, end in ((0, 3), (3, 8)):
        torch.manual_seed(4)
        with part_of_batch(start, 8):
            part = head(features[start:end]).rsample((3,))
        assert part.equal(whole[:, start:end])


@pytest.mark.parametrize(("code", "prior"), [(SphereHead(5), SpherePrior(5)), (BallHead(5, 0.5), BallPrior(5, 0.5))])
def test_autoencoders_of_curved_codes_learn(code, prior):
    torch.manual_seed(0)
    x = digits().pixels.float() / 255
    pixels, networks = pixel_head("bernoulli", (1, 8, 8)), architecture("mlp:64")
    encoder = Conditional(networks.encoder(pixels.shape, code.features), code)
    decoder = Conditional(code.before(networks.decoder(code.latent, pixels.shape, pixels.features)), pixels)
    model = Autoencoder(encoder, decoder, prior)
    assert code.space == prior.space
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for step in range(100):
        trace = model.trace(x[step * 128 % 1700 :][:128])
        loss = (distortion(model, trace) + rate(model, trace)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])
    (z,) = model.encode(x[:2])
    for off in (z, (z[:1] + z[1:]) / 2, 10 * z, torch.zeros_like(z)):  # a walk may leave the space
        assert model.decode((off,)).mean.isfinite().all()
    assert model.draw(4)[0].shape == (4, 5)


def test_spaces_have_their_sizes():
    with pytest.raises(LunetteError, match="2 dimensions or more, not 1"):
        SphereHead(1)
    with pytest.raises(LunetteError, match="curvature must be greater than 0"):
        BallHead(3, 0.0)
    with pytest.raises(LunetteError, match="curvature must be greater than 0"):
        BallPrior(3, -1.0)
