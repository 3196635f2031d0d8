"""Leapfrog steps against symmetries; the metric of centroids against its formula, its draws against quadrature."""

import math

import numpy as np
import pytest
import torch

from lunette.codes import Curved, Flat, Leapfrog, leapfrog
from lunette.errors import LunetteError

D = 2
SPRINGS = torch.tensor([1.0, 3.0])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def curved(latent=D, centroids=5):
    """A metric of a few random centroids, in float64."""
    random = torch.Generator().manual_seed(0)
    values = torch.randn(centroids, latent, latent + 1, generator=random, dtype=torch.float64)
    return Curved(values[:, :, 0], values[:, :, 1:].tril(), reach=1.2, floor=0.3)


def bent(z):
    """The slope of the potential ½ z² + ½ sin 2z, in each dimension, + ⅛ (z_1 z_2)²."""
    return z + torch.cos(2 * z) + z * z.flip(-1) ** 2 / 4


@pytest.mark.parametrize("geometry", [Flat(), curved()], ids=["flat", "curved"])
@pytest.mark.parametrize("tempering", ["fixed", "free"])
def test_steps_change_volume_by_their_cooling(geometry, tempering, monkeypatch):
    monkeypatch.setattr(Curved, "iterations", 30)
    steps = Leapfrog(D, 3, tempering, step=0.1).double()
    start = torch.randn(2 * D, dtype=torch.float64)

    def carry(point):
        return torch.cat(leapfrog(bent, geometry, *point.chunk(2), steps.step, steps.cooling))

    volume = torch.autograd.functional.jacobian(carry, start).det()
    heat = steps.cooling.prod()
    assert heat.item() == pytest.approx(0.9, rel=1e-6)
    assert volume.item() == pytest.approx(heat.item() ** D, rel=1e-6)


def test_three_iterations_keep_volume_within_tolerance():
    start = torch.randn(2 * D, dtype=torch.float64)
    metric = curved()

    def carry(point):
        return torch.cat(leapfrog(bent, metric, *point.chunk(2), 0.02, torch.ones(5)))

    assert torch.autograd.functional.jacobian(carry, start).det().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("geometry", [Flat(), curved()], ids=["flat", "curved"])
def test_steps_are_reversible(geometry, monkeypatch):
    monkeypatch.setattr(Curved, "iterations", 40)
    z, ρ = torch.randn(2, 6, D, dtype=torch.float64)
    end, last = leapfrog(bent, geometry, z, ρ, 0.1, torch.ones(7))
    assert (end - z).abs().max() > 0.1
    back, first = leapfrog(bent, geometry, end, -last, 0.1, torch.ones(7))
    torch.testing.assert_close(back, z)
    torch.testing.assert_close(first, -ρ)


@pytest.mark.parametrize("geometry", [Flat(), curved()], ids=["flat", "curved"])
def test_energy_is_conserved_to_second_order(geometry, monkeypatch):
    monkeypatch.setattr(Curved, "iterations", 12)
    z, ρ = torch.randn(2, 50, D, dtype=torch.float64) / 2

    def quadratic(z):
        return (z.square() * SPRINGS).sum(-1) / 2

    def drift(steps):
        end, last = leapfrog(lambda z: z * SPRINGS, geometry, z, ρ, 1 / steps, torch.ones(steps))
        before, after = quadratic(z) + geometry.kinetic(z, ρ), quadratic(end) + geometry.kinetic(end, last)
        return (after - before).abs().mean().item()

    coarse, fine = drift(20), drift(40)
    assert coarse < 0.02
    assert coarse / fine == pytest.approx(4, rel=0.1)


def test_a_metric_of_no_centroids_is_flat():
    plain = Curved(torch.zeros(1, D), torch.zeros(1, D, D), reach=1.0, floor=1.0)
    z, ρ, step, cooling = torch.randn(9, D), torch.randn(9, D), torch.tensor([0.1, 0.3]), torch.tensor([0.9, 0.8])
    for one, other in zip(*(leapfrog(bent, g, z, ρ, step, cooling) for g in (plain, Flat())), strict=True):
        torch.testing.assert_close(one, other)


def test_the_fixed_tempering_is_its_formula():
    steps = Leapfrog(D, 5, "fixed")
    root = steps.heat_logit.sigmoid().item()
    β = [1 / ((1 - 1 / root) * k**2 / 25 + 1 / root) for k in range(6)]
    assert steps.cooling.tolist() == pytest.approx([β[k] / β[k + 1] for k in range(5)])
    assert β[-1] == pytest.approx(1)
    torch.testing.assert_close(steps.step, torch.full((D,), 0.05))
    with pytest.raises(LunetteError, match="did you mean 'fixed'"):
        Leapfrog(D, 3, "fix")


def test_the_metric_is_its_formula():
    metric, z = curved(3, 4), torch.randn(2, 5, 3, dtype=torch.float64)
    found = metric.inverse(z)
    factors = torch.linalg.cholesky(metric.products.unflatten(-1, (3, 3)))
    for place in np.ndindex(2, 5):
        expected = 0.3 * torch.eye(3, dtype=torch.float64)
        for c, factor in zip(metric.centroids, factors, strict=True):
            expected += factor @ factor.T * math.exp(-((z[place] - c) ** 2).sum().item() / 1.2**2)
        torch.testing.assert_close(found[place], expected)
    assert found.equal(found.mT)
    assert torch.linalg.eigvalsh(found).min() > 0.3
    torch.testing.assert_close(metric.log_volume(z), torch.linalg.slogdet(found).logabsdet / 2)
    momentum = torch.randn_like(z)
    mass = torch.distributions.MultivariateNormal(torch.zeros_like(z), precision_matrix=found)
    constant = 1.5 * math.log(2 * math.pi)
    torch.testing.assert_close(-metric.kinetic(z, momentum) - constant, mass.log_prob(momentum))
    for i, slope in enumerate((metric.turn(z)(momentum), metric.velocity(z, momentum))):
        expected = torch.func.grad(lambda z, ρ: metric.kinetic(z, ρ).sum(), argnums=i)(z, momentum)
        torch.testing.assert_close(slope, expected)
    one = z[0, 0]
    draws = metric.momentum(one.expand(50_000, 3), torch.randn(50_000, 3))
    torch.testing.assert_close(draws.T.cov(), found[0, 0].inverse(), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("latent", [1, 2])
def test_draws_have_the_density_of_the_volume(latent):
    centroids = torch.tensor([[-1.0, 0.4], [0.8, -0.3], [1.1, 0.9]])[:, :latent]
    factors = torch.tensor([0.6, 1.3, 0.9])[:, None, None] * torch.eye(latent)
    metric = Curved(centroids, factors, reach=0.8, floor=0.05)
    z = metric.draw(1000)
    low, high = metric.centroids.amin(0) - 0.8, metric.centroids.amax(0) + 0.8
    sides = [torch.linspace(a, b, 401, dtype=torch.float64) for a, b in zip(low, high, strict=True)]
    grid = torch.cartesian_prod(*sides).view(-1, latent)
    weights = metric.log_volume(grid).exp()
    weights /= weights.sum()
    assert ((low < z) & (z < high)).all()
    for statistic in (lambda z: z, torch.square, lambda z: torch.cos(3 * z), lambda z: z.prod(-1, keepdim=True)):
        expected = weights @ statistic(grid)
        error = statistic(z).std(0) / len(z) ** 0.5
        assert ((statistic(z).mean(0) - expected).abs() < 4 * error).all()
