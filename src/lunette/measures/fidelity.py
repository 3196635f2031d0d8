"""How near pictures are to others that they stand for."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from lunette.likelihoods.pixels import ROUNDING
from lunette.objectives.similarity import similarity

BETTER: dict[str, Literal["lower", "higher"]] = {
    "mean squared error": "lower",
    "mean absolute error": "lower",
    "PSNR": "higher",
    "SSIM": "higher",
}


def fidelity(x: Tensor, drawn: Tensor) -> dict[str, Tensor]:
    """Return the mean squared and absolute error of pixels, PSNR (dB) and SSIM of each picture, (N,).

    Both are (N, C, H, W) in [0, 1].

        SSIM = (2 μν + c₁) (2 cov + c₂) / ((μ² + ν² + c₁) (var + var + c₂)), the mean over windows and channels

    Source: Wang et al., IEEE Transactions on Image Processing 2004 (SSIM; a normal window of σ = 1.5 and 11 pixels,
    or the shorter side).
    """
    off = (drawn - x).flatten(1)
    luminance, structure = similarity(x, drawn)
    return {
        "mean squared error": off.square().mean(1),
        "mean absolute error": off.abs().mean(1),
        "PSNR": psnr(x, drawn),
        "SSIM": (luminance * structure).mean((1, 2, 3)),
    }


def psnr(x: Tensor, drawn: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each picture in dB, (N,); both are (N, C, H, W) in [0, 1].

        PSNR = 10 log₁₀(1 / MSE)

    The MSE of rounding to 8 bits is the least that counts, so that 58.9 dB is the most, also of equal pictures: one of
    them would make a mean over pictures infinite, and no stored picture is known better.
    """
    return -10 * (drawn - x).flatten(1).square().mean(1).clamp_min(ROUNDING).log10()
