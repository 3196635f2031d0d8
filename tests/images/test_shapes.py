"""Shapes against closed forms: areas, centroids, symmetries; and which of them a source holds."""

import hashlib
import math

import numpy as np
import pytest
import torch

from lunette.errors import LunetteError
from lunette.images import load, read, shapes
from lunette.images.sources.shapes import FACTORS, HALF_AXES, HALF_SIDE, HEART, SIZE

SQUARE, ELLIPSE, HEARTS = range(3)
SAMPLED = 0.015  # of the area, at most: an edge may run along a row of the points that are sampled
CENTRED = 0.05 / SIZE  # what the same may move a centroid by
SCALES = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
AREAS = {SQUARE: 4 * HALF_SIDE**2, ELLIPSE: math.pi * math.prod(HALF_AXES), HEARTS: (4 + math.pi) * HEART**2}


def drawn(shape, scale=5, rotation=0, x=16, y=16):
    """Pictures (N, 64, 64) in [0, 1] of levels that are numbers, or lists of N of them."""
    levels = np.broadcast_arrays(*np.atleast_1d(shape, scale, rotation, x, y))
    return shapes(torch.from_numpy(np.stack(levels, axis=1)))[:, 0].double() / 255


def centroids(pixels):
    """The centroid (x, y) of the light of pictures (N, 64, 64), as shares of the width."""
    line = (torch.arange(SIZE, dtype=torch.float64) + 0.5) / SIZE
    light = pixels.sum((1, 2))
    return torch.stack([(pixels.sum(1) * line).sum(1), (pixels.sum(2) * line).sum(1)], dim=1) / light[:, None]


@pytest.mark.parametrize("shape", AREAS)
def test_areas(shape):
    scale, rotation = np.repeat(range(6), 40), np.tile(range(40), 6)
    area = drawn(shape, scale, rotation).sum((1, 2))
    assert area.numpy() == pytest.approx(AREAS[shape] * np.repeat(SCALES, 40) ** 2, rel=SAMPLED)


@pytest.mark.parametrize("shape", AREAS)
def test_the_centroid_is_at_x_and_y(shape):
    x, y, rotation = [0, 31, 5, 16], [0, 2, 31, 16], [0, 3, 11, 27]
    expected = torch.stack([FACTORS["x"][x], FACTORS["y"][y]], dim=1).double()
    assert centroids(drawn(shape, 5, rotation, x, y)).numpy() == pytest.approx(expected.numpy(), abs=CENTRED)
    assert expected.sum(0).tolist() == pytest.approx([(16.5 * 4 + 52) / 64, (16.5 * 4 + 49) / 64])


def test_symmetries():
    for shape, turn in ((SQUARE, 10), (ELLIPSE, 20)):  # a quarter and half a turn change nothing
        assert torch.equal(drawn(shape, 3, range(40 - turn)), drawn(shape, 3, range(turn, 40)))
        assert not torch.equal(drawn(shape, 3, 0), drawn(shape, 3, 5))
    heart = drawn(HEARTS)[:, 16:49, 16:49]  # around its centroid
    assert torch.equal(heart, heart.flip(2))
    assert (heart[0, -1] > 0).sum() <= 3 < (heart[0, 5] > 0).sum()  # its tip is below
    assert len(drawn(HEARTS, 3, range(40)).unique(dim=0)) == 40


def test_rotation_is_clockwise_in_quarters_as_the_picture_turns():
    for shape in AREAS:
        for rotation in (0, 4, 9):
            upright = drawn(shape, 4, rotation)[:, 1:, 1:]
            assert torch.equal(drawn(shape, 4, rotation + 10)[:, 1:, 1:], upright.rot90(-1, (1, 2)))


def test_no_shape_is_cut_off_and_places_are_pixels():
    for shape in AREAS:
        middle = drawn(shape, 5, range(40))
        assert middle.sum((1, 2)).min() > (1 - SAMPLED) * AREAS[shape]
        corner = drawn(shape, 5, range(40), 0, 31)
        assert torch.equal(corner[:, 31:, :33], middle[:, 16:49, 16:49])
        assert (corner > 0).sum() == (middle > 0).sum()


def test_the_source_is_the_same_bytes_always():
    images = read("shapes").train
    assert images.pixels.shape == (20_000, 1, 64, 64)
    digest = "f949d073756ffdc64c80469a3b4f991fcf65e63604fd6211b85f3682f8c259d6"
    assert hashlib.sha256(images.pixels.numpy().tobytes()).hexdigest() == digest
    assert images.label_names == ("square", "ellipse", "heart")
    assert torch.equal(images.labels, images.factors["shape"].long())
    assert set(images.factors) == {"shape", "scale", "rotation", "x", "y"}
    assert len(torch.stack(list(images.factors.values()), dim=1).unique(dim=0)) == 20_000
    for name, values in images.factors.items():  # all levels, about equally often
        assert torch.equal(values.unique(), FACTORS[name])
        counts = torch.unique(values, return_counts=True)[1].double()
        expected = 20_000 / len(counts)
        assert ((counts - expected) ** 2 / expected).sum() < len(counts) + 4 * math.sqrt(2 * len(counts))
    some = slice(0, 20_000, 400)
    area = images.pixels[some].double().sum((1, 2, 3)) / 255
    base = torch.tensor(list(AREAS.values()), dtype=torch.float64)[images.labels[some]]
    assert area.numpy() == pytest.approx((base * images.factors["scale"][some] ** 2).numpy(), rel=SAMPLED)


@pytest.mark.parametrize(
    ("source", "n", "levels"),
    [
        ("shapes:x,y", 1024, {"x": 32, "y": 32}),
        ("shapes:scale,shape", 18, {"shape": 3, "scale": 6}),
        ("shapes:rotation", 40, {"rotation": 40}),
        ("shapes:rotation,scale,x,y", 20_000, {"scale": 6, "rotation": 40, "x": 32, "y": 32}),
    ],
)
def test_only_the_named_factors_vary(source, n, levels):
    images = read(source).train
    assert len(images) == n
    assert {name: len(values.unique()) for name, values in images.factors.items()} == levels
    assert len(torch.stack(list(images.factors.values()), dim=1).unique(dim=0)) == n
    assert (images.labels is None) == ("shape" not in levels)
    some = images.take(slice(2000))
    expected = torch.full((len(some), 2), 32.5 / 64, dtype=torch.float64)
    for column, name in enumerate(("x", "y")):
        if name in levels:
            expected[:, column] = some.factors[name]
    assert centroids(some.pixels[:, 0].double()).numpy() == pytest.approx(expected.numpy(), abs=CENTRED)


def test_splits_keep_the_factors():
    data = load("shapes:scale,x,y")
    assert (len(data.train), len(data.validation), len(data.test)) == (4977, 553, 614)
    for part in (data.train, data.validation, data.test):
        area = part.pixels.double().sum((1, 2, 3)) / 255
        assert area.numpy() == pytest.approx(AREAS[HEARTS] * part.factors["scale"].double().numpy() ** 2, rel=SAMPLED)
    assert "labels" not in data.facts


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("shapes:colour", "unknown factor of shapes 'colour'; known are: rotation, scale, shape, x, y"),
        ("shapes:x,scal", "unknown factor of shapes 'scal'; did you mean 'scale'"),
        ("shapes:x,", "unknown factor of shapes ''"),
        ("shape", "did you mean 'shapes'"),
    ],
)
def test_unknown_factors_are_refused(source, words):
    with pytest.raises(LunetteError, match=words):
        load(source)
