"""From uint8 images at rest to float batches on the device; no per-image work."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from lunette.errors import LunetteError
from lunette.likelihoods import PixelHead

LARGEST_BATCH = 1000
BATCH_VALUES = 2**20  # of pixels in all channels; a convolution makes some dozens of floats of each
DEVICES: dict[str, Callable[[], bool]] = {  # and whether there is one
    "cpu": lambda: True,
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "xpu": torch.xpu.is_available,
}


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is the first of cuda, mps and cpu that this machine has.

    Raises LunetteError for a device that it does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:  # one of several processes on this machine, a GPU each
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        if name.partition(":")[0] not in DEVICES:
            raise RuntimeError(f"known are {', '.join(DEVICES)}")
        device = torch.device(name)
        if not DEVICES[device.type]():
            raise RuntimeError("this machine has none, or this torch is built without it")
        torch.empty(1, device=device)
        if device.index is not None and device.type == "cuda":
            torch.cuda.set_device(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).split("\n")[0]
        raise LunetteError(
            f"cannot use the device {name!r} ({reason}); leave it at auto, or see lunette doctor"
        ) from None
    return device


def cuts(n: int, shape: Sequence[int], each: int = 1) -> list[slice]:
    """Cut `n` images of `shape` (C, H, W) into batches to measure or use a model with, whose memory has a bound.

    `each` is how many numbers the model makes of a pixel (see `spread`).
    """
    size = max(1, min(LARGEST_BATCH, BATCH_VALUES // (math.prod(shape) * each)))
    return [slice(start, start + size) for start in range(0, max(n, 1), size)]  # of none, one of none


def spread(model: nn.Module, samples: int = 1) -> int:
    """Return how many numbers a model makes of each pixel: features of `samples` (K) pictures."""
    return samples * max((m.per_pixel for m in model.modules() if isinstance(m, PixelHead)), default=1)


def to_float(pixels: Tensor) -> Tensor:
    """Scale uint8 images (N, C, H, W) to float32 in [0, 1], on the device where they are; floats are so already."""
    return pixels / 255 if pixels.dtype == torch.uint8 else pixels
