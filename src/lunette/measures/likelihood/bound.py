"""How likely pictures are under a model: the importance-sampled bound, with constant memory."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.compute import keep_memory, to_float, values_per_pixel
from lunette.compute.coding import device_of, part
from lunette.errors import LunetteError, Unsupported
from lunette.images import Pixels
from lunette.likelihoods import PixelHead
from lunette.models import LatentModel
from lunette.objectives import log_weights
from lunette.progress import counted
from lunette.randomness import reseed
from lunette.results.result import Result

PASS_VALUES = 2**20  # of decoded pictures at a time: they stay in the processor's cache
NO_MEMORY = ("out of memory", "allocate memory")  # what torch says
MOST_SAMPLES = 5000  # the bound falls with their logarithm: more take long and give next to nothing


@dataclass(frozen=True, repr=False)
class Evidence(Result):
    """The bound on −log p(x) of each picture, in nats, with K = `samples`."""

    bounds: NDArray[np.float64]  # (N,)
    samples: int

    def __repr__(self) -> str:
        error, n = self.standard_error, len(self.bounds)
        return f"Evidence(mean={self.mean:.3f}, standard_error={error:.3f}, pictures={n}, samples={self.samples})"

    @property
    def mean(self) -> float:
        """The mean bound over pictures, in nats an image."""
        return float(self.bounds.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean, over pictures, in nats."""
        return float(self.bounds.std(ddof=1) / math.sqrt(len(self.bounds))) if len(self.bounds) > 1 else math.nan


@torch.inference_mode()
def evidence_model(
    model: LatentModel,
    pixels: Pixels,
    samples: int,
    seed: int,
    y: Tensor | None = None,
) -> Evidence:
    """Do what `evidence` does, with a model at hand; memory depends on neither N nor K."""
    check_samples(samples)
    if model.prior is None:
        raise Unsupported("this model has no prior, so it gives pictures no probability: take a recipe that has one")
    keep_memory()
    room = max(
        1, PASS_VALUES // (math.prod(pixels.shape[1:]) * values_per_pixel(model))
    )  # images · samples in one pass
    each = min(samples, room)
    size = max(1, room // each)
    device = device_of(model)
    head = model.likelihood
    starts = range(0, len(pixels), size)
    passed = counted("importance bound", len(starts) * -(-samples // each))
    # Made at once: small results that stay, among large ones that go, would break the free memory into useless pieces.
    bounds = np.empty(len(pixels))
    with enough_memory():
        for start in starts:
            cut = slice(start, start + size)
            x, told = targets(head, to_float(pixels[cut].to(device)), seed, start), part(y, cut, device)
            bounds[cut] = _bounds(model, x, told, samples, each, (seed, start), passed).numpy()
    return Evidence(bounds, samples)


def targets(head: PixelHead, x: Tensor, seed: int, first: int = 0) -> Tensor:
    """Return images x (N, C, H, W) or, where the head binarizes them at random, one binarization of each.

    That depends on the seed and the image's number alone, the first of which is `first`: a bound over several passes
    has to be of one picture, or it takes the best of several.
    """
    if not head.random:
        return x
    drawn = []
    for number, image in enumerate(x, first):
        reseed(seed, "target", number)
        drawn.append(head.target(image))
    return torch.stack(drawn)


def check_samples(samples: int) -> None:
    """Raise LunetteError for a K that the bound is not taken with."""
    if not 1 <= samples <= MOST_SAMPLES:
        raise LunetteError(f"the bound takes 1 sample or more, and {MOST_SAMPLES:,} at most, not {samples}")


def _bounds(
    model: LatentModel,
    x: Tensor,
    y: Tensor | None,
    samples: int,
    each: int,
    names: tuple[int, int],
    passed: Callable[[], None],
) -> Tensor:
    """Return the bounds (N,) of images x (N, C, H, W), of labels y, from passes with `each` samples."""
    total = torch.full((len(x),), -math.inf, dtype=torch.float64)
    for done in range(0, samples, each):
        reseed(names[0], "evidence", names[1], done)
        weights = log_weights(model.trace(x, y, samples=min(each, samples - done)))
        total = torch.logaddexp(total, weights.cpu().double().logsumexp(0))  # Apple's GPUs have no float64
        passed()
    return math.log(samples) - total


@contextlib.contextmanager
def enough_memory(
    what: str = "one draw of one picture at a time", instead: str = "close other programs, or use a machine with more"
) -> Iterator[None]:
    """Raise LunetteError where there is no memory left for what is done within this, called `what`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in NO_MEMORY):
            raise
        raise LunetteError(f"memory does not suffice for {what}: {instead}") from error
