"""The dimensions of a model's code, those that say most first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lunette.compute import in_batches, to_float, values_per_pixel
from lunette.compute.coding import device_of, encode, part
from lunette.compute.labels import labels_for
from lunette.errors import LunetteError, Unsupported
from lunette.images import Images
from lunette.models import Latent, LatentModel
from lunette.randomness import reseed
from lunette.runs import Codes

LOOKED_AT = 5_000  # training pictures
FIRST = 10  # dimensions, where none is named


@dataclass(frozen=True)
class Dimension:
    """One number of the code: its place, its mean KL over pictures in nats, and how far its codes spread."""

    rung: int  # from the top
    index: int  # in its rung
    rate: float | None  # None where the model has none by dimension
    deviation: float  # standard deviation of the codes

    def __str__(self) -> str:
        place = f"dimension {self.index}" + (f" of rung {self.rung}" if self.rung else "")
        size = f"deviation {self.deviation:.3g}" if self.rate is None else f"rate {self.rate:.3g} nats"
        return f"{place}, {size}"


def steps_along(model: LatentModel, images: Images, wanted: int | Sequence[int]) -> dict[str, Codes]:
    """Return the step by one standard deviation along dimensions of the code, a tensor (D,) a rung, by their names.

    The `wanted` ones are numbered by `dimensions_of`, over up to 5,000 of the training `images`; none are the first 10.
    Raises LunetteError for a number that the code does not have.
    """
    found = dimensions_of(model, images.take(slice(LOOKED_AT)))
    numbers = [wanted] if isinstance(wanted, int) else list(wanted) or range(min(FIRST, len(found)))
    if not all(0 <= number < len(found) for number in numbers):
        raise LunetteError(f"the code has dimensions 0 to {len(found) - 1}, by rate, and not all of {wanted} are such")
    sizes = [sum(d.rung == rung for d in found) for rung in range(1 + max(d.rung for d in found))]
    steps = {}
    for number in numbers:
        dimension = found[number]
        step = tuple(torch.zeros(size) for size in sizes)
        step[dimension.rung][dimension.index] = dimension.deviation
        steps[f"{number}: {dimension}"] = step
    return steps


def dimensions_of(model: LatentModel, images: Images) -> list[Dimension]:
    """Return the dimensions of the code by their rate over `images`, the largest first.

    Where posterior or prior has no dimensions of its own (a plain autoencoder, a mixture), they are ordered by the
    deviation of their codes.
    """
    y = labels_for(model, images, images.label_names)
    deviations = [rung.std(0, correction=0).tolist() for rung in encode(model, images.pixels, y)]
    try:
        rates = [rung.tolist() for rung in rates_of(model, images, y)]
    except Unsupported:
        rates = [[None] * len(rung) for rung in deviations]
    found = [
        Dimension(r, i, rate, deviation)
        for r, rung in enumerate(zip(rates, deviations, strict=True))
        for i, (rate, deviation) in enumerate(zip(*rung, strict=True))
    ]
    return sorted(found, key=lambda d: d.deviation if d.rate is None else d.rate, reverse=True)


@torch.inference_mode()
def rates_of(model: LatentModel, images: Images, y: Tensor | None) -> list[Tensor]:
    """Return the mean KL(q(z_j | x) ‖ p(z_j)) over images of each dimension, in nats, a tensor (D,) a rung.

    Raises LunetteError where posterior or prior is not normal, each dimension by itself.
    """
    if model.prior is None:
        raise Unsupported("this model has no prior, so its dimensions have no rate")
    sums: list[Tensor] = []
    with torch.random.fork_rng():
        for batch in in_batches(len(images), images.shape, values_per_pixel(model)):
            x = to_float(images.pixels[batch].to(device_of(model)))
            reseed(0, "traversal", batch.start)
            latents = model.trace(x, part(y, batch, x.device)).latents
            totals = [rate_by_dimension(latent).mul(len(x)).cpu() for latent in latents]
            sums = [a + b for a, b in zip(sums, totals, strict=True)] if sums else totals
    return [total / len(images) for total in sums]


def rate_by_dimension(latent: Latent) -> Tensor:
    """Return the mean KL of each dimension of a rung over images (and draws of the rungs above it), (D,)."""
    return latent.kl_by_dimension.flatten(0, -2).mean(0)
