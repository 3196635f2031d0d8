"""Corruptions and binarisation by their statistics, within four standard errors."""

import pytest
import torch

from lunette.errors import LunetteError
from lunette.images import CORRUPTIONS, binarize, corruption

N = 200
X = torch.full((N, 3, 16, 16), 0.4)
PIXELS = N * 16 * 16


def within(share, expected, n=PIXELS):
    return abs(float(share) - expected) < 4 * (expected * (1 - expected) / n) ** 0.5


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_normal_noise_is_not_clamped():
    noise = CORRUPTIONS["normal"](0.3)(X) - X
    n = noise.numel()
    assert abs(noise.mean()) < 4 * 0.3 / n**0.5
    assert abs(noise.var() - 0.09) < 4 * 0.09 * (2 / n) ** 0.5
    assert (X + noise).min() < 0


def test_masking_takes_whole_pixels():
    y = CORRUPTIONS["masking"](0.5)(X)
    gone = y == 0
    assert torch.equal(gone.all(1), gone.any(1))
    assert within(gone.all(1).float().mean(), 0.5)
    assert torch.equal(y[~gone], X[~gone])


def test_salt_and_pepper_in_equal_parts():
    y = CORRUPTIONS["salt-and-pepper"](0.1)(X)
    salt, pepper = (y == 1).all(1), (y == 0).all(1)
    assert within(salt.float().mean(), 0.05)
    assert within(pepper.float().mean(), 0.05)
    assert torch.equal((y == X).all(1), ~(salt | pepper))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_level_zero_changes_nothing_and_shapes_stay(name):
    assert torch.equal(corruption(name, 0.0)(X), X)
    assert corruption(name, 0.2)(X[:2, :1, :5, :7]).shape == (2, 1, 5, 7)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_global_generator_decides(name):
    torch.manual_seed(3)
    first = corruption(name, 0.5)(X[:2])
    second = corruption(name, 0.5)(X[:2])
    torch.manual_seed(3)
    assert torch.equal(corruption(name, 0.5)(X[:2]), first)
    assert not torch.equal(second, first)


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("normal", -0.1),
        ("normal", float("nan")),
        ("masking", 1.1),
        ("masking", -0.1),
        ("salt-and-pepper", 2.0),
    ],
)
def test_impossible_levels_are_refused(name, level):
    with pytest.raises(LunetteError, match=str(level)):
        corruption(name, level)


def test_an_unknown_corruption_is_named():
    with pytest.raises(LunetteError, match="did you mean 'masking'"):
        corruption("maskin", 0.5)


def test_binarisation():
    x = torch.tensor([0.0, 0.49, 0.5, 1.0])
    assert torch.equal(binarize(x, "none"), x)
    assert binarize(x, "threshold").tolist() == [0, 0, 1, 1]
    drawn = binarize(X, "dynamic")
    assert within(drawn.mean(), 0.4, X.numel())
    assert set(drawn.unique().tolist()) == {0, 1}
    assert not torch.equal(drawn, binarize(X, "dynamic"))
    with pytest.raises(LunetteError, match="unknown binarization"):
        binarize(x, "sharp")
