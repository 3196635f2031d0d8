"""Procedural pictures of one shape each, whose five factors are known, in the manner of dSprites."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.errors import unknown
from lunette.images.permutation import Permutation
from lunette.images.sets import Images, Parts
from lunette.images.sources.source import NamedSource, source

SIZE = 64
N = 20_000  # pictures of a source at most: 82 MB
SPRITE = 33  # side of the square that holds a shape in every rotation, in pixels
SAMPLES = 8  # a pixel's value is the mean of SAMPLES² points in it
NAMES = ("square", "ellipse", "heart")
# In pixels, at scale 1: the three have about the same area, and none of their points is 16 pixels from the centroid.
HALF_SIDE = 11.0
HALF_AXES = (15.8, 10.0)
HEART = 8.5  # half the side of the heart's square, and the radius of its discs

# The values of each factor's levels.
FACTORS = {
    "shape": torch.arange(3.0),
    "scale": torch.linspace(0.5, 1, 6),
    "rotation": torch.arange(40) * (2 * math.pi / 40),
    "x": (torch.arange(32) + SPRITE / 2) / SIZE,
    "y": (torch.arange(32) + SPRITE / 2) / SIZE,
}
# The level of a factor that does not vary: the heart is the shape that shows its rotation.
REST = {"shape": 2, "scale": 3, "rotation": 0, "x": 16, "y": 16}


def shapes(levels: Tensor) -> Tensor:
    """Draw white shapes on black of levels (N, 5), int64, of the five factors; return uint8 (N, 1, 64, 64).

    The factors are those of dSprites (Matthey, Higgins, Hassabis and Lerchner, 2017): shape (square, ellipse, heart),
    scale (6 levels from 0.5 to 1), rotation (40, clockwise, in steps of 9°), x and y (32 each) of the centroid, as
    shares of the width. A level of x or y is one pixel, so a shape's bytes do not depend on where it is.
    """
    kinds, which = torch.unique(levels[:, :3], dim=0, return_inverse=True)
    sprites = [_sprite(*kind) for kind in kinds.tolist()]
    pixels = np.zeros((len(levels), 1, SIZE, SIZE), np.uint8)
    for picture, i, (x, y) in zip(pixels[:, 0], which.tolist(), levels[:, 3:].tolist(), strict=True):
        picture[y : y + SPRITE, x : x + SPRITE] = sprites[i]
    return torch.from_numpy(pixels)


def _sprite(shape: int, scale: int, rotation: int) -> NDArray[np.uint8]:
    line = (np.arange(SPRITE * SAMPLES) + 0.5) / SAMPLES - SPRITE / 2
    size, angle = float(FACTORS["scale"][scale]), float(FACTORS["rotation"][rotation])
    right, down = line[None, :] / size, line[:, None] / size
    x, y = right * math.cos(angle) + down * math.sin(angle), down * math.cos(angle) - right * math.sin(angle)
    inside = (_square, _ellipse, _heart)[shape](x, y)
    share = inside.reshape(SPRITE, SAMPLES, SPRITE, SAMPLES).mean((1, 3))
    return (share * 255).round().astype(np.uint8)


def _square(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.maximum(abs(x), abs(y)) <= HALF_SIDE


def _ellipse(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (x / HALF_AXES[0]) ** 2 + (y / HALF_AXES[1]) ** 2 <= 1


def _heart(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return what lies in a square on its corner, or in the disc on the middle of one of its upper sides."""
    h = HEART
    centroid = h * (math.pi / 2 + 2 / 3) / (4 + math.pi)  # along both sides, from the middle of the square
    u, v = (x - y) / math.sqrt(2) + centroid, (-x - y) / math.sqrt(2) + centroid
    square = np.maximum(abs(u), abs(v)) <= h
    return square | ((u - h) ** 2 + v**2 <= h**2) | (u**2 + (v - h) ** 2 <= h**2)


def shape_source(vary: tuple[str, ...]) -> Images:
    """Return pictures of all levels of the factors in `vary`; of more than 20,000, so many at random, always the same.

    They have labels where the shape varies. Raises LunetteError for an unknown factor.
    """
    for name in vary:
        if name not in FACTORS:
            raise unknown("factor of shapes", name, FACTORS)
    counts = [len(values) if name in vary else 1 for name, values in FACTORS.items()]
    whole = math.prod(counts)
    index = torch.arange(whole) if whole <= N else Permutation(whole, seed=0)[:N]
    places = dict(zip(FACTORS, torch.unravel_index(index, counts), strict=True))
    levels = {name: place if name in vary else place + REST[name] for name, place in places.items()}
    factors = {name: FACTORS[name][levels[name]] for name in FACTORS if name in vary}
    labels, names = (levels["shape"], NAMES) if "shape" in vary else (None, ())
    return Images(shapes(torch.stack(list(levels.values()), dim=1)), labels, names, factors)


@source
class Shapes(NamedSource):
    """The set `shapes`, of which only some factors vary where they are named: shapes:scale,x,y."""

    name = help = "shapes"

    def images(self, options: str) -> Parts:  # noqa: D102
        return Parts(shape_source(tuple(options.split(",") if options else FACTORS)))
