"""Structural similarity of pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from lunette.models import LatentModel, Trace
from lunette.objectives.objective import without_unit

C1, C2 = 0.01**2, 0.03**2  # of pixels in [0, 1]
WINDOW, SPREAD = 11, 1.5  # pixels
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # how much each halving of the sides counts


@without_unit
class Dissimilarity:
    """1 − MS-SSIM(x, μ), (N,): 0 for equal pictures; without unit, and no likelihood.

    MS-SSIM = Π_s cs_s^w_s · ssim^w_S over as many halvings of the sides as leave room for a window (11 pixels, or
    the shorter side); the weights w are rescaled to sum to 1. Pooled and averaged over channels. Sources: Wang,
    Simoncelli, Bovik, Asilomar 2003; Snell et al., ICIP 2017.
    """

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the mean over K draws."""
        drawn = trace.px.mean.float()
        similar = multiscale_similarity(trace.x.expand_as(drawn).flatten(0, 1), drawn.flatten(0, 1))
        return 1 - similar.unflatten(0, drawn.shape[:2]).mean(0)


def multiscale_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Return MS-SSIM of pictures in [0, 1], (N, C, H, W) both → (N,)."""
    sides, scales = min(a.shape[-2:]), 1
    while scales < len(SCALES) and sides // 2**scales >= WINDOW:
        scales += 1
    result = torch.ones(len(a), device=a.device)
    for scale, weight in enumerate(SCALES[:scales]):
        if scale:
            a, b = avg_pool2d(a, 2), avg_pool2d(b, 2)
        luminance, structure = similarity(a, b)
        value = luminance * structure if scale == scales - 1 else structure
        # Below 0 a fractional power is none.
        result = result * value.mean((-3, -2, -1)).clamp(min=1e-6) ** (weight / sum(SCALES[:scales]))
    return result


def similarity(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the luminance and the contrast-structure terms of SSIM in each window, (N, C, H', W') both."""
    window = gaussian(min(WINDOW, *a.shape[-2:]))
    mean_a, mean_b = blur(a, window), blur(b, window)
    var_a, var_b = blur(a * a, window) - mean_a**2, blur(b * b, window) - mean_b**2
    both = blur(a * b, window) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return luminance, (2 * both + C2) / (var_a + var_b + C2)


def blur(x: Tensor, window: list[float]) -> Tensor:
    """Return the mean of x (…, H, W) under a window in both directions, where that lies within it.

    No convolution: where those are of bfloat16, a variance, which is a small difference, would drown in rounding.
    """
    for side in (-1, -2):
        places = x.shape[side] - len(window) + 1
        x = sum((w * x.narrow(side, i, places) for i, w in enumerate(window)), x.new_zeros(()))
    return x


def gaussian(size: int) -> list[float]:
    """Return the window in one direction, which sums to 1."""
    line = [math.exp(-((i - (size - 1) / 2) ** 2) / (2 * SPREAD**2)) for i in range(size)]
    return [w / sum(line) for w in line]
