"""Images through a model in batches, with constant memory; deterministic unless said otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.images import Pixels
from lunette.models import LatentModel
from lunette.runs import Run
from lunette.training import batches, cuts, to_float

AnyRun = Run | str | Path


def open_run(run: AnyRun) -> Run:
    """Return the run itself, or the one in that folder."""
    return run if isinstance(run, Run) else Run(run)


def device_of(model: LatentModel) -> torch.device:
    """Return the device where a model's weights are."""
    return next(model.parameters()).device


@torch.inference_mode()
def encode(model: LatentModel, images: Pixels) -> tuple[Tensor, ...]:
    """Images (N, C, H, W), uint8 or float in [0, 1] → the posterior means of their codes (N, D), a tensor a rung."""
    parts = [
        model.encode(to_float(x) if x.dtype == torch.uint8 else x)
        for x in (chunk.to(device_of(model)) for chunk in batches(images))
    ]
    return tuple(torch.cat(rung) for rung in zip(*parts, strict=True))


@torch.inference_mode()
def decode(model: LatentModel, codes: tuple[Tensor, ...]) -> NDArray[np.float32]:
    """Codes (N, D), a tensor a rung → the mean images of p(x | z), float32 (N, C, H, W) in [0, 1]."""
    rungs = [rung.to(device_of(model)) for rung in codes]
    n, shape = len(rungs[0]), model.decode(tuple(rung[:1] for rung in rungs)).mean.shape[1:]
    images = np.empty((n, *shape), np.float32)
    for cut in cuts(n, shape):
        images[cut] = model.decode(tuple(rung[cut] for rung in rungs)).mean.cpu().numpy()
    return images
