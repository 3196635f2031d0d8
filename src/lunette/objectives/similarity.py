"""Structural similarity of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

from lunette.models import LatentModel, Trace
from lunette.objectives.objective import without_unit

C1, C2 = 0.01**2, 0.03**2  # of pixels in [0, 1]
WINDOW, SPREAD = 11, 1.5  # pixels
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # how much each halving of the sides counts


@without_unit
@dataclass(frozen=True)
class Dissimilarity:
    """`pixels` · (1 − MS-SSIM(x, μ)), (N,): 0 for equal pictures; without unit, and no likelihood.

    MS-SSIM = Π_s cs_s^w_s · ssim^w_S over as many halvings of the sides as leave room for a window (11 pixels, or
    the shorter side); the weights w are rescaled to sum to 1. Pooled and averaged over channels. Sources: Wang,
    Simoncelli, Bovik, Asilomar 2003; Snell et al., ICIP 2017.
    """

    pixels: float = 1.0

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the mean over K draws."""
        drawn = trace.px.mean
        similar = multiscale_similarity(trace.x.expand_as(drawn).flatten(0, 1), drawn.flatten(0, 1))
        return self.pixels * (1 - similar.unflatten(0, drawn.shape[:2]).mean(0))


def multiscale_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Return MS-SSIM of pictures in [0, 1], (N, C, H, W) both → (N,)."""
    sides, scales = min(a.shape[-2:]), 1
    while scales < len(SCALES) and sides // 2**scales >= WINDOW:
        scales += 1
    weights = torch.tensor(SCALES[:scales]) / sum(SCALES[:scales])
    result = torch.ones(len(a), device=a.device)
    for scale, weight in enumerate(weights.tolist()):
        luminance, structure = similarity(a, b)
        value = luminance * structure if scale == scales - 1 else structure
        # Below 0 a fractional power is none.
        result = result * value.mean((-3, -2, -1)).clamp(min=1e-6) ** weight
        a, b = avg_pool2d(a, 2), avg_pool2d(b, 2)
    return result


def similarity(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the luminance and the contrast-structure terms of SSIM in each window, (N, C, H', W') both."""
    window = gaussian(min(WINDOW, *a.shape[-2:])).to(a)
    channels = a.shape[1]

    def blur(x: Tensor) -> Tensor:
        return conv2d(x, window.expand(channels, 1, -1, -1), groups=channels)

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    both = blur(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return luminance, (2 * both + C2) / (var_a + var_b + C2)


def gaussian(size: int) -> Tensor:
    """Return the window (size, size), which sums to 1."""
    x = torch.arange(size) - (size - 1) / 2
    line = (-(x**2) / (2 * SPREAD**2)).exp()
    return torch.outer(line, line) / line.sum() ** 2
