"""Images through a model in batches, with constant memory; deterministic unless said otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.models import LatentModel
from lunette.runs import Run
from lunette.training import to_float

BATCH = 1000

AnyRun = Run | str | Path


def open_run(run: AnyRun) -> Run:
    """Return the run itself, or the one in that folder."""
    return run if isinstance(run, Run) else Run(run)


def device_of(model: LatentModel) -> torch.device:
    """Return the device where a model's weights are."""
    return next(model.parameters()).device


@torch.inference_mode()
def encode(model: LatentModel, pixels: Tensor) -> tuple[Tensor, ...]:
    """Uint8 images (N, C, H, W) → the posterior means of their codes (N, D), a tensor a rung."""
    parts = [model.encode(to_float(chunk.to(device_of(model)))) for chunk in pixels.split(BATCH)]
    return tuple(torch.cat(rung) for rung in zip(*parts, strict=True))


@torch.inference_mode()
def decode(model: LatentModel, codes: tuple[Tensor, ...]) -> NDArray[np.float32]:
    """Codes (N, D), a tensor a rung → the mean images of p(x | z), float32 (N, C, H, W) in [0, 1]."""
    chunks = zip(*(rung.to(device_of(model)).split(BATCH) for rung in codes), strict=True)
    images: NDArray[np.float32] = np.concatenate([model.decode(chunk).mean.cpu().numpy() for chunk in chunks])
    return images
