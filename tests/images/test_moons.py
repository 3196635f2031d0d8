"""Moons against the closed form: the lit share of the disc is the phase."""

import math

import pytest
import torch

from lunette.errors import LunetteError
from lunette.images import lit_fraction, load, moons, read
from lunette.images.sources.moons import EARTHSHINE, RADIUS

PHASES = torch.linspace(0, 1, 41)


def area(pixels):
    """Light of pictures in units of half the width, squared."""
    n, _, height, width = pixels.shape
    return pixels.reshape(n, -1).double().sum(1) / 255 * (2 / width) * (2 / height)


@pytest.mark.parametrize(("radius", "tilt"), [(RADIUS, 0.0), (0.5, 0.0), (0.9, 0.4), (0.7, -1.2)])
def test_the_lit_share_of_the_disc_is_the_phase(radius, tilt):
    pixels = moons(PHASES, torch.full_like(PHASES, tilt), torch.full_like(PHASES, radius), size=64)
    disc = math.pi * radius**2
    share = (area(pixels) / disc - EARTHSHINE) / (1 - EARTHSHINE)
    torch.testing.assert_close(share, PHASES.double(), atol=0.01, rtol=0)


def test_the_phase_is_measured_back():
    x = moons(PHASES).float() / 255
    torch.testing.assert_close(lit_fraction(x), PHASES, atol=0.01, rtol=0)
    assert lit_fraction(x[[0, -1]]).tolist() == pytest.approx([0, 1], abs=1e-6)
    assert lit_fraction(x.reshape(41, 1, 1, 32, 32)).shape == (41, 1)


def test_background_dark_side_and_lit_side():
    new, half, full = moons(torch.tensor([0.0, 0.5, 1.0]))[:, 0]
    assert new[16, 16] == round(EARTHSHINE * 255)
    assert (half[16, 8], half[16, 24]) == (round(EARTHSHINE * 255), 255)
    assert full[16, 16] == 255
    assert full[0, 0] == full[-1, -1] == 0


def test_tilt_turns_the_picture():
    half = torch.tensor([0.5])
    upright, quarter = moons(half), moons(half, torch.tensor([math.pi / 2]))
    assert (quarter.int() - upright.transpose(2, 3).int()).abs().float().mean() < 0.5
    assert not torch.equal(upright, quarter)


def test_the_source_is_deterministic_and_labelled():
    images = read("moons").train
    assert images.pixels.shape == (4096, 1, 32, 32)
    assert torch.equal(images.pixels, read("moons").train.pixels)
    assert images.label_names == ("new", "crescent", "gibbous", "full")
    assert torch.equal(images.labels, (images.factors["phase"] * 4).long())
    torch.testing.assert_close(lit_fraction(images.pixels.float() / 255), images.factors["phase"], atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("moons:tilt", {"phase", "tilt"}),
        ("moons:size", {"phase", "size"}),
        ("moons:tilt,size", {"phase", "tilt", "size"}),
    ],
)
def test_further_factors(source, names):
    dataset = load(source)
    assert set(dataset.train.factors) == names
    sizes = dataset.train.factors.get("size")
    if sizes is not None:
        light = area(dataset.train.pixels)
        phase = dataset.train.factors["phase"].double()
        expected = math.pi * sizes.double() ** 2 * (EARTHSHINE + (1 - EARTHSHINE) * phase)
        torch.testing.assert_close(light, expected, atol=0.03, rtol=0)


def test_an_unknown_factor_is_refused():
    with pytest.raises(LunetteError, match="moons:colour"):
        load("moons:colour")
