"""What the codes of test pictures carry, and how far together they are from the prior."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.distributions import Normal

from lunette.codes import factors
from lunette.compute import in_batches, to_float, values_per_pixel
from lunette.compute.coding import device_of, encode, part
from lunette.errors import Unsupported
from lunette.images import Images, Shape
from lunette.measures.aggregate import ACTIVE, distances, index_information, variances
from lunette.models import LatentModel
from lunette.objectives import MaximumMeanDiscrepancy, rate
from lunette.progress import counted
from lunette.randomness import reseed
from lunette.results import figures
from lunette.results.evaluation import Group, Number
from lunette.results.result import Pictured
from lunette.uses.draw.sample import check_learned
from lunette.uses.evaluate.samples import drawn_codes
from lunette.uses.evaluate.subject import Subject

MOST = 5000  # pictures: each code is weighed under the posterior of each picture
FEW = 30  # pictures, whose variance is off by a quarter and more
COMPARED = 1000  # codes that are compared with draws of the prior
COLLAPSED = 0.01  # nats: a dimension that carries less tells nothing of the picture
IGNORED = ": pictures are drawn without regard to their codes"


@dataclass(frozen=True)
class Coded:
    """What one draw of the code of each of N pictures is, with rungs side by side."""

    means: Tensor  # (N, D)
    z: Tensor  # (N, D)
    rate: Tensor | None  # (N,), in nats; None for codes without a density
    rates: Tensor | None  # (N, D), of each dimension; None where they depend on one another
    q: Normal | None  # batch (N, D); None for several rungs, too


@dataclass(frozen=True, repr=False)
class Bars(Pictured):
    """The rate of each dimension (D,), in nats, the largest first."""

    rates: NDArray[np.float64]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the rates, as they are sorted."""
        return {"rates": self.rates}

    def picture(self) -> Image.Image:
        """Return a bar a dimension."""
        from matplotlib.figure import Figure  # here, because others who import this need not wait for it
        from matplotlib.ticker import MaxNLocator

        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.bar(np.arange(1, len(self.rates) + 1), self.rates, width=0.8 if len(self.rates) < 100 else 1.0)
        axes.axhline(COLLAPSED, color="C3", linewidth=0.8)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="dimensions of the code, by their rate", ylabel="rate in nats")
        return figures.picture(figure)


def codes(subject: Subject) -> Group:
    """Measure active units, rate by dimension, mutual information, and the aggregate posterior against the prior.

    Of a model without a prior it is the units alone, as nothing says there what a code costs.
    """
    model, seed = subject.model, subject.settings.seed
    images, means = subject.some_test(MOST)
    y = subject.y(images)
    found = coded(model, images, y, seed, means)
    spreads = variances(found.means)
    active = int((spreads > ACTIVE).sum())
    numbers = {"active units": Number(active, f"of {len(spreads)}")}
    lists = {"variance by dimension": spreads.tolist()}
    notes, pictures = [], {}
    if len(images) < FEW:
        notes.append(f"of {len(images)} pictures: variances, and with them the active units, say little")
    if found.rates is not None:
        each = found.rates.mean(0)
        lists["rate by dimension"] = each.tolist()
        pictures["Rate by dimension"] = Bars(each.sort(descending=True).values.double().cpu().numpy())
        notes += collapse(each)
    elif found.rate is not None:
        notes.append("no rate by dimension: those of this posterior or prior depend on one another")
        if (together := float(found.rate.mean())) < COLLAPSED * len(spreads):
            notes.append(f"posterior collapse: all dimensions together carry {together:.2g} nats{IGNORED}")
    if found.q is not None and found.rate is not None:
        numbers |= information(found.z, found.q, found.rate, conditional=bool(model.labels))
        notes.append(ceiling(numbers["mutual information"].value, len(images)))
    if model.prior is None:
        notes.append("it has no prior: nothing says what its codes cost, how they should spread, or what is little")
        return Group(numbers, tuple(notes), lists, pictures=pictures)
    try:
        check_learned(subject.trained)
        against, distance = from_prior(model, found.z, y, images.shape, seed)
        numbers |= against
        lists["distance to prior by dimension"] = distance.tolist()
    except Unsupported as error:
        notes.append(f"not compared with the prior: {error}")
    return Group(numbers, tuple(notes), lists, pictures=pictures)


@torch.inference_mode()
def coded(model: LatentModel, images: Images, y: Tensor | None, seed: int, means: Tensor | None = None) -> Coded:
    """Return what is measured of the codes of images, told y, whose posterior means (N, D) may be known."""
    if means is None:
        means = torch.cat(encode(model, images.pixels, y), -1)
    parts: list[Coded] = []
    places = in_batches(len(images), images.shape, values_per_pixel(model))
    passed = counted("coding pictures", len(places))
    for cut in places:
        x = to_float(images.pixels[cut].to(device_of(model)))
        labels = part(y, cut, x.device)
        reseed(seed, "codes", cut.start)
        trace = model.trace(x, labels)
        points = any(latent.is_point for latent in trace.latents)
        # Not from the trace: a model that mends damage codes damaged images there.
        z = means[cut].to(x.device) if points else torch.cat([latent.z[0] for latent in trace.latents], -1)
        whole: Tensor | None = None
        each: Tensor | None = None
        q: Normal | None = None
        if model.prior is not None and not points:
            whole = rate(model, trace)
            with contextlib.suppress(Unsupported):
                each = torch.cat([latent.kl_by_part for latent in trace.latents], -1)
            with contextlib.suppress(Unsupported):
                q = factors(trace.latents[0].q) if len(trace.latents) == 1 else None
        parts.append(Coded(means[cut], z, whole, each, q))
        passed()

    normals = [one.q for one in parts if one.q is not None]
    return Coded(
        torch.cat([one.means for one in parts]),
        torch.cat([one.z for one in parts]),
        joined([one.rate for one in parts]),
        joined([one.rates for one in parts]),
        Normal(torch.cat([n.loc for n in normals]), torch.cat([n.scale for n in normals])) if normals else None,
    )


def joined(parts: list[Tensor | None]) -> Tensor | None:
    """Return the parts as one tensor, or None where there are none."""
    known = [each for each in parts if each is not None]
    return torch.cat(known) if known else None


def collapse(each: Tensor) -> list[str]:
    """Return a sentence on the dimensions that carry nothing, by the rate of each (D,), or none."""
    idle, D = int((each < COLLAPSED).sum()), len(each)
    if not idle:
        return []
    return [f"posterior collapse: {idle} of {D} dimensions carry < {COLLAPSED} nats{IGNORED if idle == D else ''}"]


def information(z: Tensor, q: Normal, rate: Tensor, conditional: bool) -> dict[str, Number]:
    """Return the mutual information and, with one prior for all, what is left of the rate, KL(q(z) ‖ p(z))."""
    told = index_information(z, q).cpu().numpy()
    numbers = {"mutual information": Number.mean(told, "nats")}
    if not conditional:
        numbers["aggregate divergence"] = Number.mean(rate.cpu().double().numpy() - told, "nats", "lower")
    return numbers


def ceiling(found: float, N: int) -> str:
    """Return how to read the mutual information, in nats, that was found with N pictures."""
    reached = ", which it has nearly reached: more pictures would tell more" if found > math.log(N) - 1 else ""
    return (
        f"with {N} pictures the mutual information is at most log {N} = {math.log(N):.2f} nats{reached}; of all "
        "pictures that there could be it is a lower bound, and the divergence of the aggregate an upper one"
    )


def from_prior(
    model: LatentModel, z: Tensor, y: Tensor | None, shape: Shape, seed: int
) -> tuple[dict[str, Number], NDArray[np.float32]]:
    """Return how far codes z (N, D), one a picture, are from draws of the prior, together and in each dimension (D,).

    The floor is that of draws of the prior itself, so it is this model's own.
    """
    z = z[:COMPARED]
    labels = None if y is None else y[:COMPARED].repeat(2)
    one, other = torch.cat(drawn_codes(model, None, 2 * len(z), labels, shape, seed), -1).chunk(2)
    each, least = (distances(a.cpu().numpy(), one.cpu().numpy()) for a in (z, other))
    where = f"in {z.shape[1]} dimensions"  # those of codes of another size would be others
    numbers = {"distance to prior": Number(float(each.mean()), where, floor=float(least.mean()), better="lower")}
    if len(z) > 1:
        kernel = MaximumMeanDiscrepancy()
        near, floor = (float(kernel.between(a, one)) for a in (z, other))
        numbers["MMD"] = Number(near, where, floor=floor, better="lower")
    return numbers, each
