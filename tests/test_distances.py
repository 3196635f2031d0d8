"""Measures between two sets of pictures against SciPy, closed forms, brute force and planted cases."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from lunette.measures.copies import copies, nearest
from lunette.measures.distances import frechet_distance, kernel_distance, squared_mmd
from lunette.measures.fidelity import fidelity
from lunette.measures.neighbours import overlap
from lunette.measures.probes import standard_error
from lunette.measures.two_sample import told_apart_by_features, told_apart_by_pixels


def normal(n, features, seed, shift=0.0):
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(n, features, generator=draws) + shift


def pictures(n, seed, most=256):
    return torch.randint(most, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def with_moments(mean, deviation):
    """Four points a dimension whose mean and (diagonal) covariance are exactly these."""
    size = len(mean)
    corners = torch.eye(size, dtype=torch.float64) * torch.tensor(deviation) * math.sqrt((2 * size - 1) / 2)
    return torch.cat([corners, -corners]) + torch.tensor(mean)


def test_frechet_is_scipys():
    mix = normal(12, 12, 2)
    a, b = normal(300, 12, 0) @ mix, normal(200, 12, 1, 0.5)
    mu, nu = a.double().mean(0).numpy(), b.double().mean(0).numpy()
    cov_a, cov_b = np.cov(a.double().T), np.cov(b.double().T)
    expected = ((mu - nu) ** 2).sum() + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_diagonal_covariances():
    a, b = with_moments([0.0, 1, 2], [1.0, 2, 0]), with_moments([3.0, 1, -2], [4.0, 2, 0.5])
    assert frechet_distance(a, b) == pytest.approx(9 + 16 + (4 - 1) ** 2 + 0.5**2, abs=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_of_fewer_pictures_than_features():
    a = normal(5, 20, 0)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, a + 2) == pytest.approx(80, rel=1e-6)


def test_kernel_distance_is_a_double_loop():
    a, b = normal(7, 3, 0).double(), normal(5, 3, 1, 0.3).double()

    def mean(x, y, pairs):
        return np.mean([(float(x[i] @ y[j]) / 3 + 1) ** 3 for i, j in pairs])

    within = [mean(x, x, itertools.permutations(range(len(x)), 2)) for x in (a, b)]
    expected = sum(within) - 2 * mean(a, b, itertools.product(range(7), range(5)))
    assert squared_mmd(a, b) == pytest.approx(expected, rel=1e-12)


def test_kernel_distance_is_unbiased():
    found = [kernel_distance(normal(200, 4, seed), normal(200, 4, 1000 + seed), seed) for seed in range(100)]
    values, errors = np.array(found).T
    assert abs(values.mean()) < 3 * values.std() / 10
    assert (values < 0).any()
    assert errors.mean() == pytest.approx(values.std(), rel=0.25)
    apart, error = kernel_distance(normal(500, 4, 0), normal(500, 4, 1, 0.5))
    assert apart > 5 * error


def brute_overlap(real, drawn, k):
    def balls(x):
        return np.array([sorted(np.linalg.norm(x - row, axis=1))[k] for row in x])

    apart = np.array([[np.linalg.norm(r - d) for d in drawn] for r in real])
    in_real, in_drawn = apart <= balls(real)[:, None], apart <= balls(drawn)[None]
    return {
        "precision": in_real.any(0).mean(),
        "recall": in_drawn.any(1).mean(),
        "density": in_real.sum(0).mean() / k,
        "coverage": in_real.any(1).mean(),
    }


@pytest.mark.parametrize("k", [1, 5])
def test_overlap_is_brute_force(k, monkeypatch):
    monkeypatch.setattr("lunette.measures.neighbours.ROWS", 17)
    real, drawn = normal(60, 3, 0), normal(45, 3, 1, 0.8)
    expected = brute_overlap(real.double().numpy(), drawn.double().numpy(), k)
    assert overlap(real, drawn, k) == pytest.approx(expected, abs=1e-12)


def test_overlap_of_known_cases():
    real = normal(300, 4, 0)
    same = overlap(real, real)
    assert same == pytest.approx({"precision": 1, "recall": 1, "density": 1.2, "coverage": 1})
    assert overlap(real, real + 100) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}
    # Of two modes one is dropped: all that is drawn is real, and half of what is real is drawn.
    two = torch.cat([normal(500, 4, 1), normal(500, 4, 2, 50)])
    dropped = overlap(two, normal(1000, 4, 3))
    assert dropped["precision"] > 0.9
    assert dropped["density"] == pytest.approx(1, abs=0.1)
    assert 0.4 < dropped["recall"] <= 0.5
    assert 0.4 < dropped["coverage"] <= 0.5


def test_density_and_coverage_of_equal_distributions():
    # Naeem et al.: density is 1 and coverage 1 − Π (N − i) / (N + M − i) over i = 1 … k, whatever the distribution.
    n, k = 1000, 5
    found = overlap(normal(n, 8, 0), normal(n, 8, 1), k)
    assert found["density"] == pytest.approx(1, abs=0.08)
    assert found["coverage"] == pytest.approx(1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1)), abs=0.03)


def test_nearest_is_brute_force(monkeypatch):
    pixels, others = pictures(13, 0), pictures(31, 1)
    monkeypatch.setattr("lunette.compute.batches.LARGEST_BATCH", 7)
    distances, places = nearest(pixels, others, 4)
    expected = (pixels[:, None].double() - others).div(255).flatten(2).norm(dim=2)
    assert torch.allclose(distances.double(), expected.sort(1).values[:, :4], atol=1e-4)
    assert torch.equal(places, expected.argsort(1)[:, :4])


def test_planted_copies_are_found():
    trained, real, drawn = pictures(400, 0), pictures(300, 1), pictures(300, 2)
    assert abs(copies(drawn, real, trained)[0] - 0.01) < 3 * copies(drawn, real, trained)[1]
    drawn[:30] = trained[70:100] ^ 1  # but for the lowest bit
    share, error, closest = copies(drawn, real, trained)
    assert share == pytest.approx(0.1, abs=0.02)
    assert error == pytest.approx(math.sqrt(standard_error(share, 300) ** 2 + 0.01 * 0.99 / 300))
    pairs = (torch.from_numpy(np.asarray(closest)) * 255).round().byte().unflatten(0, (-1, 2))
    assert torch.equal(pairs[:, 0], pairs[:, 1] ^ 1)


def test_blurred_pictures_are_no_copies():
    trained, real = pictures(400, 0), pictures(300, 1)
    blurred = (real.float() * 0.2 + 0.8 * 127.5).byte()  # nearer to every picture than a real one is
    distances = [nearest(x, trained, 1)[0] for x in (blurred, real)]
    assert distances[0].max() < distances[1].min()
    assert copies(blurred, real, trained)[0] < 0.02


@pytest.mark.parametrize(
    ("told_apart", "sets"), [(told_apart_by_pixels, pictures), (told_apart_by_features, lambda n, s: normal(n, 10, s))]
)
def test_two_samples_of_one_distribution_are_not_told_apart(told_apart, sets, monkeypatch):
    monkeypatch.setattr("lunette.measures.two_sample.STEPS", 100)
    a, b = sets(1000, 0), sets(1000, 1)
    found, error = told_apart(a, b, 3)
    assert error == standard_error(found, 1000)
    assert abs(found - 0.5) < 3 * error
    torch.manual_seed(7)
    state = torch.get_rng_state()
    assert told_apart(a, b, 3) == (found, error)
    assert torch.equal(torch.get_rng_state(), state)


def test_two_samples_that_differ_are_told_apart(monkeypatch):
    monkeypatch.setattr("lunette.measures.two_sample.STEPS", 100)
    assert told_apart_by_pixels(pictures(600, 0), pictures(400, 1, most=200))[0] > 0.95
    assert told_apart_by_features(normal(600, 10, 0), normal(400, 10, 1, 2.0))[0] > 0.95


def brute_ssim(x, y):
    """SSIM of two pictures (H, W), window by window."""
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    w = np.outer(line, line) / line.sum() ** 2
    found = []
    for i, j in itertools.product(range(x.shape[0] - 10), range(x.shape[1] - 10)):
        a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
        mu, nu = (w * a).sum(), (w * b).sum()
        var_a, var_b, both = (w * (a - mu) ** 2).sum(), (w * (b - nu) ** 2).sum(), (w * (a - mu) * (b - nu)).sum()
        top = (2 * mu * nu + 0.01**2) * (2 * both + 0.03**2)
        found.append(top / ((mu**2 + nu**2 + 0.01**2) * (var_a + var_b + 0.03**2)))
    return np.mean(found)


def test_fidelity_by_hand():
    draws = torch.Generator().manual_seed(0)
    x, y = torch.rand(3, 2, 14, 12, generator=draws), torch.rand(3, 2, 14, 12, generator=draws)
    found = fidelity(x, y)
    similar = [
        np.mean([brute_ssim(*pair) for pair in zip(*both, strict=True)])
        for both in zip(x.numpy(), y.numpy(), strict=True)
    ]
    assert np.allclose(found["SSIM"], similar, atol=1e-4)
    assert found["mean squared error"][1] == pytest.approx(float(((x[1] - y[1]) ** 2).mean()), rel=1e-5)
    assert found["mean absolute error"][2] == pytest.approx(float((x[2] - y[2]).abs().mean()), rel=1e-5)
    assert fidelity(x * 0.5, x * 0.5 + 0.1)["PSNR"].tolist() == pytest.approx([20] * 3, abs=1e-3)
    same = fidelity(x, x)
    assert torch.allclose(same["SSIM"], torch.ones(3), atol=1e-5)
    assert same["mean squared error"].tolist() == [0, 0, 0]
    assert same["PSNR"].tolist() == pytest.approx([10 * math.log10(12 * 255**2)] * 3, abs=1e-3)
    rounded = torch.rand(20, 1, 64, 64, generator=draws)
    assert float(fidelity(rounded, (rounded * 255).round() / 255)["PSNR"].mean()) == pytest.approx(58.9, abs=0.1)
