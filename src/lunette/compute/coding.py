"""Images through a model in batches, with constant memory; deterministic unless said otherwise."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.compute import in_batches, to_float, values_per_pixel
from lunette.images import Pixels
from lunette.models import LatentModel
from lunette.progress import Progress, announce


def device_of(model: LatentModel) -> torch.device:
    """Return the device where a model's weights are."""
    return next(model.parameters()).device


@torch.inference_mode()
def encode(model: LatentModel, images: Pixels, y: Tensor | None = None) -> tuple[Tensor, ...]:
    """Images (N, C, H, W), uint8 or float in [0, 1] → the posterior means of their codes (N, D), a tensor a rung.

    A model that is told labels is told y (N,).
    """
    parts = []
    for batch in in_batches(len(images), images.shape[1:]):
        x = images[batch].to(device_of(model))
        parts.append(model.encode(to_float(x), part(y, batch, x.device)))
        announce(Progress("coding pictures", min(batch.stop, len(images)), len(images)))
    return tuple(torch.cat(rung) for rung in zip(*parts, strict=True))


@torch.inference_mode()
def decode(model: LatentModel, codes: tuple[Tensor, ...], y: Tensor | None = None) -> NDArray[np.float32]:
    """Codes (N, D), a tensor a rung → the mean images of p(x | z), float32 (N, C, H, W) in [0, 1].

    A model that is told labels is told y (N,).
    """
    device = device_of(model)
    rungs = [rung.to(device) for rung in codes]
    first = part(y, slice(1), device)
    n, shape = len(rungs[0]), model.decode(tuple(rung[:1] for rung in rungs), first).mean.shape[1:]
    images = np.empty((n, *shape), np.float32)
    for batch in in_batches(n, shape, values_per_pixel(model)):
        images[batch] = model.decode(tuple(rung[batch] for rung in rungs), part(y, batch, device)).mean.cpu().numpy()
    return images


def part(y: Tensor | None, batch: slice, device: torch.device) -> Tensor | None:
    """Return some of the labels y (N,), where there are any, on the device."""
    return None if y is None else y[batch].to(device)
