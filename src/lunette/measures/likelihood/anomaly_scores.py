"""How strange pictures are to a model: numbers that are higher for stranger ones."""

from __future__ import annotations

import io
import math
from collections.abc import Collection
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.compute import in_batches, to_float, values_per_pixel
from lunette.compute.coding import decode, device_of, encode, part
from lunette.errors import Unsupported
from lunette.images import Pixels, to_picture
from lunette.measures.likelihood.bound import evidence_model
from lunette.models import LatentModel
from lunette.objectives import distortion, rate
from lunette.progress import Progress, announce, watched
from lunette.randomness import reseed, stream

Score = Literal["reconstruction", "elbo", "bound", "complexity"]
SCORES: tuple[Score, ...] = get_args(Score)
PNG_FRAME = 57  # bytes of a PNG file beside its compressed pixels: signature, IHDR, IDAT's own and IEND


def refusals(model: LatentModel, pixels: Pixels, y: Tensor | None = None) -> dict[Score, str]:
    """Return the scores that a model does not give, and why; tried with one picture, the first."""
    try:
        with watched(None):
            evidence_model(model, pixels[:1], 1, 0, None if y is None else y[:1])
    except Unsupported as error:
        return dict.fromkeys(SCORES[1:], str(error))
    head = model.likelihood
    if head.kind == "none":
        return {"complexity": "its likelihood is no density of grey pixels, so nats of a file mean nothing beside it"}
    if head.binarization != "none":
        return {"complexity": "its likelihood is of black-and-white pictures, and the file is of grey ones"}
    return {}


@torch.inference_mode()
def anomaly_scores(
    model: LatentModel,
    pixels: Pixels,
    y: Tensor | None = None,
    names: Collection[Score] = SCORES,
    samples: int = 16,
    seed: int = 0,
    what: str = "scoring pictures",
) -> dict[str, NDArray[np.float64]]:
    """Return the scores `names` (N,) of uint8 images (N, C, H, W), of labels y (N,) for a model that is told them.

    reconstruction: Σ (x − x̂)² with x̂ the mean image of the mean code. elbo: −ELBO, and bound: the importance bound
    −log 1/K Σ w, both with K = `samples` draws, in nats. complexity: the bound less the picture's length under a
    general compressor, in nats: simple pictures have a high likelihood, strange as they may be. Source of the last:
    Serrà et al., "Input complexity and out-of-distribution detection with likelihood-based generative models",
    ICLR 2020. Raises LunetteError for what a model has no numbers for; `refusals` says it beforehand.
    """
    found: dict[str, NDArray[np.float64]] = {name: np.empty(len(pixels)) for name in names}
    for batch in in_batches(len(pixels), pixels.shape[1:], values_per_pixel(model, samples)) if len(pixels) else ():
        images, told = pixels[batch], part(y, batch, device_of(model))
        with watched(None):  # what these are made of is no news of its own
            if "reconstruction" in found:
                drawn = decode(model, encode(model, images, told), told)
                found["reconstruction"][batch] = np.square(drawn - to_float(images).numpy()).sum((1, 2, 3))
            if "elbo" in found:
                reseed(seed, "elbo", batch.start)
                trace = model.trace(to_float(images.to(device_of(model))), told, samples=samples)
                found["elbo"][batch] = (distortion(model, trace) + rate(model, trace)).cpu().numpy()
            if "bound" in found or "complexity" in found:
                bounds = evidence_model(model, images, samples, stream(seed, "bound", batch.start), told).bounds
                if "bound" in found:
                    found["bound"][batch] = bounds
                if "complexity" in found:
                    found["complexity"][batch] = bounds - compressed_lengths(images)
        announce(Progress(what, min(batch.stop, len(pixels)), len(pixels)))
    return found


def compressed_lengths(images: Tensor) -> NDArray[np.float64]:
    """Return how long uint8 images (N, C, H, W) are as PNG files, without what all files have, in nats, (N,)."""
    lengths = []
    for image in images.numpy():
        file = io.BytesIO()
        to_picture(image).save(file, "PNG")
        lengths.append(file.getbuffer().nbytes - PNG_FRAME)
    return 8 * math.log(2) * np.array(lengths, float)
