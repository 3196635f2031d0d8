"""From uint8 images at rest to float batches on the device; no per-image work."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images import Pixels

LARGEST_BATCH = 1000
BATCH_VALUES = 2**20  # of pixels in all channels; a convolution makes some dozens of floats of each
DEVICES = ("cpu", "cuda", "mps", "xpu")


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is the first of cuda, mps and cpu that this machine has.

    Raises LunetteError for a device that it does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:  # one of several processes on this machine, a GPU each
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        device = torch.device(name)
        if device.type not in DEVICES:
            raise RuntimeError(f"known are {', '.join(DEVICES)}")
        torch.empty(1, device=device)
        if device.index is not None and device.type == "cuda":
            torch.cuda.set_device(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).split("\n")[0]
        raise LunetteError(
            f"cannot use the device {name!r} ({reason}); leave it at auto, or see lunette doctor"
        ) from None
    return device


def cuts(n: int, shape: Sequence[int]) -> list[slice]:
    """Cut `n` images of `shape` (C, H, W) into batches to measure or use a model with, whose memory has a bound."""
    size = max(1, min(LARGEST_BATCH, BATCH_VALUES // math.prod(shape)))
    return [slice(start, start + size) for start in range(0, max(n, 1), size)]  # of none, one of none


def batches(pixels: Pixels) -> Iterator[Tensor]:
    """Yield images (N, C, H, W) in such batches, each read when it is asked for."""
    return (pixels[cut] for cut in cuts(len(pixels), pixels.shape[1:]))


def to_float(pixels: Tensor) -> Tensor:
    """Scale uint8 images (N, C, H, W) to float32 in [0, 1], on the device where they are."""
    return pixels / 255
