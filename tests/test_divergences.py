"""Discrepancies, covariances, penalties and similarities against brute force and closed forms."""

import math

import pytest
import torch
from torch import nn

from lunette.objectives import (
    Diagonal,
    Dissimilarity,
    MaximumMeanDiscrepancy,
    OffDiagonal,
    code_norm,
    decoder_gradient,
    decoder_weights,
)
from lunette.objectives.divergences import WIDTHS
from lunette.objectives.similarity import C1, C2, gaussian, multiscale_similarity, similarity
from lunette.recipes import build
from test_rates import random_trace


@pytest.mark.parametrize("kernel", ["inverse-multiquadric", "rbf"])
def test_the_discrepancy_is_its_formula(kernel):
    torch.manual_seed(0)
    a, b = torch.randn(5, 2), torch.randn(5, 2) + 1

    def k(u, v):
        square = float((u - v).square().sum())
        return sum(4 * w / (4 * w + square) if kernel != "rbf" else math.exp(-square / (4 * w)) for w in WIDTHS)

    expected = sum(k(a[i], a[j]) + k(b[i], b[j]) for i in range(5) for j in range(5) if i != j) / 20
    expected -= 2 * sum(k(u, v) for u in a for v in b) / 25
    assert float(MaximumMeanDiscrepancy(kernel).between(a, b)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kernel", ["inverse-multiquadric", "rbf"])
def test_the_discrepancy_of_one_distribution_is_0(kernel):
    torch.manual_seed(0)
    term = MaximumMeanDiscrepancy(kernel)
    values = torch.stack([term.between(torch.randn(40, 3), torch.randn(40, 3)) for _ in range(300)])
    assert abs(values.mean()) < 3 * values.std() / 300**0.5
    shifted = torch.stack([term.between(torch.randn(40, 3), torch.randn(40, 3) + 0.5) for _ in range(50)])
    assert shifted.mean() > 10 * values.std() / 50**0.5


def test_covariances_are_those_of_means_or_of_codes():
    trace = random_trace(n=50, samples=2)
    latent = trace.latents[0]
    codes = latent.q.sample((40_000,)).flatten(0, 1)
    means, drawn = (torch.cov(x.T.double(), correction=0) for x in (latent.q.mean, codes))
    for of_codes, c, error in ((False, means, 1e-4), (True, drawn, 2e-2)):
        off = sum(float(c[i, j]) ** 2 for i in range(3) for j in range(3) if i != j)
        own = float((c.diagonal() - 1).square().sum())
        assert float(OffDiagonal(of_codes)(None, trace)) == pytest.approx(off, rel=error)
        assert float(Diagonal(of_codes)(None, trace)) == pytest.approx(own, rel=error)


def test_the_gradient_penalty_is_the_norm_of_the_jacobian():
    torch.manual_seed(0)
    model = build("rae", (1, 2, 2), {"latent": 3, "network": "mlp:8", "penalty": "gradient"}).model
    x = torch.rand(2, 1, 2, 2)
    z = model.encode(x)[0].detach()
    jacobians = [torch.autograd.functional.jacobian(lambda c: model.decode((c,)).mean.flatten(), code) for code in z]
    truth = torch.stack([j.square().sum() for j in jacobians])
    with torch.no_grad():
        draws = torch.stack([decoder_gradient(model, model.trace(x)) for _ in range(2000)])
    assert ((draws.mean(0) - truth).abs() < 4 * draws.std(0) / 2000**0.5).all()
    decoder_gradient(model, model.trace(x)).sum().backward()
    assert model.decoder.network[0].weight.grad.any()


def test_other_penalties_are_their_formulas():
    model = build("rae", (1, 2, 2), {"latent": 3, "network": "mlp:8"}).model
    trace = model.trace(torch.rand(2, 1, 2, 2))
    torch.testing.assert_close(code_norm(model, trace), trace.latents[0].z[0].square().sum(1) / 2)
    expected = sum(p.square().sum() for p in model.decoder.network.parameters()) / 2
    torch.testing.assert_close(decoder_weights(model, trace), expected)


def test_spectral_norm_bounds_each_layer():
    model = build("rae", (1, 8, 8), {"penalty": "spectral"}).model
    for _ in range(60):
        model.trace(torch.rand(2, 1, 8, 8))
    layers = [layer for layer in model.decoder.modules() if isinstance(layer, nn.Linear)]
    assert len(layers) == 3
    for layer in layers:
        assert float(torch.linalg.svdvals(layer.weight)[0]) == pytest.approx(1, abs=0.02)


def test_similarity_is_its_formula_in_a_window():
    torch.manual_seed(0)
    a, b = torch.rand(1, 1, 11, 11, dtype=torch.float64), torch.rand(1, 1, 11, 11, dtype=torch.float64)
    line = torch.tensor(gaussian(11), dtype=torch.float64)
    w = torch.outer(line, line)
    mean_a, mean_b = (w * a).sum(), (w * b).sum()
    var_a, var_b = (w * (a - mean_a) ** 2).sum(), (w * (b - mean_b) ** 2).sum()
    both = (w * (a - mean_a) * (b - mean_b)).sum()
    luminance, structure = similarity(a, b)
    assert float(luminance) == pytest.approx(float((2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)), rel=1e-6)
    assert float(structure) == pytest.approx(float((2 * both + C2) / (var_a + var_b + C2)), rel=1e-4)
    assert float(w.sum()) == pytest.approx(1)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (1, 180, 200)])
def test_pictures_are_similar_to_themselves_alone(shape):
    torch.manual_seed(0)
    a = torch.rand(2, *shape)
    torch.testing.assert_close(multiscale_similarity(a, a), torch.ones(2))
    noisy = multiscale_similarity(a, (a + 0.1 * torch.randn_like(a)).clamp(0, 1))
    unlike = multiscale_similarity(a, torch.rand(2, *shape))
    assert (unlike < noisy).all()
    assert (noisy < 1).all()
    torch.testing.assert_close(unlike, multiscale_similarity(a, a) * unlike)


def test_products_of_bfloat16_leave_the_similarity_as_it_is():
    torch.manual_seed(0)
    a = 0.8 + 0.02 * torch.rand(2, 1, 28, 28)  # smooth and bright: a variance far below the mean square
    b = a + 0.01 * torch.randn_like(a)
    exact = multiscale_similarity(a, b)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(multiscale_similarity(a, b), exact)


def test_dissimilarity_learns():
    recipe = build("ssim_vae", (1, 8, 8))
    trace = recipe.model.trace(torch.rand(3, 1, 8, 8), samples=2)
    assert Dissimilarity()(recipe.model, trace).shape == (3,)
    assert Dissimilarity()(recipe.model, trace).min() > 0
