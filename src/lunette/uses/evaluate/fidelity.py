"""How near pictures are to others that they stand for."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from lunette.objectives.similarity import similarity

ROUNDING = 1 / (12 * 255**2)  # the mean squared error of rounding to 8 bits
BETTER: dict[str, Literal["lower", "higher"]] = {
    "mean squared error": "lower",
    "mean absolute error": "lower",
    "PSNR": "higher",
    "SSIM": "higher",
}


def fidelity(x: Tensor, drawn: Tensor) -> dict[str, Tensor]:
    """Return the mean squared and absolute error of pixels, PSNR (dB) and SSIM of each picture, (N,).

    Both are (N, C, H, W) in [0, 1].

        PSNR = −10 log₁₀ MSE, of each picture; that of a rounding to 8 bits, 58.9 dB, is the most
        SSIM = (2 μν + c₁) (2 cov + c₂) / ((μ² + ν² + c₁) (var + var + c₂)), the mean over windows and channels

    Source: Wang et al., IEEE Transactions on Image Processing 2004 (SSIM; a normal window of σ = 1.5 and 11 pixels,
    or the shorter side).
    """
    off = (drawn - x).flatten(1)
    squared = off.square().mean(1)
    luminance, structure = similarity(x, drawn)
    return {
        "mean squared error": squared,
        "mean absolute error": off.abs().mean(1),
        "PSNR": -10 * squared.clamp_min(ROUNDING).log10(),
        "SSIM": (luminance * structure).mean((1, 2, 3)),
    }
