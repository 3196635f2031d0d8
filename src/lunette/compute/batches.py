"""From uint8 images at rest to float batches on the device; no per-image work."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lunette.likelihoods import PixelHead

LARGEST_BATCH = 1000
BATCH_VALUES = 2**20  # of pixels in all channels; a convolution makes some dozens of floats of each


def in_batches(n: int, shape: Sequence[int], each: int = 1) -> list[slice]:
    """Cut `n` images of `shape` (C, H, W) into batches to measure or use a model with, whose memory has a bound.

    `each` is how many numbers the model makes of a pixel (see `values_per_pixel`).
    """
    size = max(1, min(LARGEST_BATCH, BATCH_VALUES // (math.prod(shape) * each)))
    return [slice(start, start + size) for start in range(0, max(n, 1), size)]  # of none, one of none


def values_per_pixel(model: nn.Module, samples: int = 1) -> int:
    """Return how many numbers a model makes of each pixel: features of `samples` (K) pictures."""
    return samples * max((m.per_pixel for m in model.modules() if isinstance(m, PixelHead)), default=1)


def to_float(pixels: Tensor) -> Tensor:
    """Scale uint8 images (N, C, H, W) to float32 in [0, 1], on the device where they are; floats are so already."""
    return pixels / 255 if pixels.dtype == torch.uint8 else pixels
