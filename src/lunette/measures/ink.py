"""What can be read off the pixels of drawn or written shapes: how far they lean, and how thick their strokes are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.functional import pad

from lunette.compute import in_batches, to_float
from lunette.errors import unknown
from lunette.images import Pixels

TINY = 1e-12  # of a blank picture: its measures are 0


def ink(x: Tensor) -> Tensor:
    """Return how far each pixel of x (N, C, H, W) is from the background, 0 to 1 in each picture, (N, H, W).

    The background is the median of the picture's border, and 1 what differs most from it.
    """
    grey = x.mean(1)
    border = torch.cat([grey[:, [0, -1]].flatten(1), grey[:, :, [0, -1]].flatten(1)], dim=1)
    away = (grey - border.median(1).values[:, None, None]).abs()
    return away / away.amax((1, 2), keepdim=True).clamp(min=TINY)


def slant(x: Tensor) -> Tensor:
    """Return −μ₁₁ / μ₀₂ of the ink of x (N, C, H, W), (N,): how far to the right a stroke goes on its way up by 1.

    μ₁₁ and μ₀₂ are the second central moments of ink across and down. A picture sheared by a leans by a more.
    """
    mass = ink(x)
    down, across = (torch.arange(n, dtype=x.dtype, device=x.device) for n in mass.shape[1:])
    total = mass.sum((1, 2)).clamp(min=TINY)
    rows, columns = mass.sum(2), mass.sum(1)
    dy = down - ((rows * down).sum(1) / total)[:, None]
    dx = across - ((columns * across).sum(1) / total)[:, None]
    both = torch.einsum("nij,ni,nj->n", mass, dy, dx)
    return -both / (rows * dy.square()).sum(1).clamp(min=TINY)


def thickness(x: Tensor) -> Tensor:
    """Return the thickness w of the strokes of x (N, C, H, W), in pixels, (N,): w = P / 4 − √(P² / 16 − A).

    That is the short side of the rectangle with the area A and the perimeter P of the ink: its sum, and its total
    variation Σ √(∂x² + ∂y²). Where no rectangle has so little perimeter for its area, as of a disc, w is P / 4.
    """
    mass = pad(ink(x), (1, 1, 1, 1))
    right = mass[:, :-1, 1:] - mass[:, :-1, :-1]
    below = mass[:, 1:, :-1] - mass[:, :-1, :-1]
    quarter = (right.square() + below.square()).sqrt().sum((1, 2)) / 4
    return quarter - (quarter.square() - mass.sum((1, 2))).clamp(min=0).sqrt()


MEASURES: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType({"slant": slant, "thickness": thickness})


def measure(name: str, pixels: Pixels) -> Tensor:
    """Return the measure called `name` of each picture (N, C, H, W), uint8 or float in [0, 1]: (N,), on the processor.

    Memory does not depend on N. Raises LunetteError for a measure that is none.
    """
    if name not in MEASURES:
        raise unknown("measure", name, MEASURES)
    parts = (pixels[batch] for batch in in_batches(len(pixels), pixels.shape[1:]))
    return torch.cat([MEASURES[name](to_float(x)).cpu() for x in parts])
