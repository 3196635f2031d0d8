"""How likely pictures are under a model: the importance-sampled bound, with constant memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images import Data, Pixels, read_pictures
from lunette.models import LatentModel
from lunette.objectives import log_weights
from lunette.randomness import reseed
from lunette.training import keep_memory, to_float
from lunette.uses.passes import AnyRun, device_of, open_run

PASS_VALUES = 2**20  # of decoded pictures at a time: they stay in the processor's cache


@dataclass(frozen=True)
class Evidence:
    """The bound on −log p(x) of each picture, in nats, with K = `samples`."""

    bounds: NDArray[np.float64]  # (N,)
    samples: int

    @property
    def mean(self) -> float:
        """The mean bound over pictures, in nats an image."""
        return float(self.bounds.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean, over pictures, in nats."""
        return float(self.bounds.std(ddof=1) / math.sqrt(len(self.bounds))) if len(self.bounds) > 1 else math.nan


def evidence(
    run: AnyRun, images: Data | None = None, *, samples: int = 1000, seed: int = 0, checkpoint: str = "last"
) -> Evidence:
    """Return the importance bound −log 1/K Σ w on −log p(x) of the test pictures, or of `images`.

    Raises LunetteError for a model without a prior or a density of codes.
    """
    opened = open_run(run)
    pixels = opened.dataset.test.pixels
    if images is not None:
        pixels = read_pictures(images, opened.settings.shape, opened.settings.data.fit).pixels
    return evidence_model(opened.model(checkpoint), pixels, samples, seed)


@torch.inference_mode()
def evidence_model(model: LatentModel, pixels: Pixels, samples: int, seed: int) -> Evidence:
    """Do what `evidence` does, with a model at hand; memory depends on neither N nor K."""
    if samples < 1:
        raise LunetteError(f"the bound takes 1 sample or more, not {samples}")
    keep_memory()
    room = max(1, PASS_VALUES // math.prod(pixels.shape[1:]))  # images · samples that one pass decodes
    each = min(samples, room)
    size = max(1, room // each)
    bounds = [
        _bounds(model, to_float(pixels[start : start + size].to(device_of(model))), samples, each, (seed, start))
        for start in range(0, len(pixels), size)
    ]
    return Evidence(torch.cat(bounds).cpu().numpy(), samples)


def _bounds(model: LatentModel, x: Tensor, samples: int, each: int, names: tuple[int, int]) -> Tensor:
    """Return the bounds (N,) of images x (N, C, H, W), from passes with `each` samples."""
    total = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    for done in range(0, samples, each):
        reseed(names[0], "evidence", names[1], done)
        weights = log_weights(model.trace(x, samples=min(each, samples - done)))
        total = torch.logaddexp(total, weights.double().logsumexp(0))
    return math.log(samples) - total
