"""How likely test pictures are under a model."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.compute import in_batches, to_float, values_per_pixel
from lunette.compute.coding import device_of, part
from lunette.errors import Unsupported
from lunette.images import Images, Permutation, Pixels
from lunette.likelihoods import PixelHead
from lunette.measures.likelihood.annealing import Annealing, annealed_bounds, check_annealing, sandwich
from lunette.measures.likelihood.bound import evidence_model, targets
from lunette.measures.likelihood.leaks import BATCH, check_leaks
from lunette.models import LatentModel
from lunette.objectives import distortion, rate
from lunette.progress import counted
from lunette.randomness import reseed
from lunette.recipes import Ability, Recipe, describe
from lunette.results.evaluation import Group, Number
from lunette.uses.evaluate.subject import Subject

DRAWS = 10  # of each picture's code, for the evidence bound
ANNEALED = 100  # pictures
FEWEST_ANNEALED = 5
ANNEALED_VALUES = 4e8  # decoded by all chains together: a minute with an mlp


def likelihood(subject: Subject) -> Group:
    """Measure the evidence bound, the importance bound and the annealed one on −log p(x), in nats an image.

    All are of the same black-and-white pictures, where the model draws those. Raises LunetteError for a model without
    a prior or a density of codes, and for one that leaks.
    """
    model, settings, made = subject.model, subject.settings, subject.trained.recipe
    head, density = made.model.likelihood, describe(made).density
    test = once(head, subject.test, settings.seed)
    y = subject.y(test)
    # On the processor: a GPU's faster products round by more than what is looked for.
    processor = torch.device("cpu")
    check_leaks(deepcopy(model).to(processor), to_float(test.pixels[:BATCH]), part(y, slice(BATCH), processor))
    importance = evidence_model(model, test.pixels, settings.samples, settings.seed, y)
    lost, told = halves_of_the_bound(model, test.pixels, y, settings.seed)
    by = f"K = {settings.samples}"
    numbers = {
        "−ELBO": Number.mean(lost + told, "nats", "lower"),
        "distortion": Number.mean(lost, "nats", "lower"),
        "rate": Number.mean(told, "nats"),
        f"importance bound, {by}": Number.mean(importance.bounds, "nats", "lower"),
    }
    notes = [note] if (note := meaning(head, density)) else []
    if density and head.kind == "mass":
        bits = importance.bounds / (math.prod(test.shape) * math.log(2))
        numbers[f"bits per pixel, {by}"] = Number.mean(bits, "bits a pixel and channel", "lower")
    try:
        annealed, note = annealed_numbers(model, test, y, importance.bounds, settings.seed)
        numbers |= annealed
        notes.append(note)
    except Unsupported as error:
        notes.append(f"not annealed: {error}")
    return Group(numbers, tuple(notes), basis=basis_of(made))


def once(head: PixelHead, images: Images, seed: int) -> Images:
    """Return images or, where the head binarizes at random, one binarization of each."""
    if not head.random:
        return images
    pixels = torch.empty(images.pixels.shape, dtype=torch.uint8)
    with torch.random.fork_rng():
        for batch in in_batches(len(images), images.shape):
            pixels[batch] = (targets(head, to_float(images.pixels[batch]), seed, batch.start) * 255).to(torch.uint8)
    return replace(images, pixels=pixels)


@torch.inference_mode()
def halves_of_the_bound(
    model: LatentModel, pixels: Pixels, y: Tensor | None, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distortion and the rate of each picture, (N,) both, in nats: means over some draws of its code."""
    found = np.empty((2, len(pixels)))
    places = in_batches(len(pixels), pixels.shape[1:], values_per_pixel(model, DRAWS))
    passed = counted("evidence bound", len(places))
    for batch in places:
        x = to_float(pixels[batch].to(device_of(model)))
        reseed(seed, "elbo", batch.start)
        trace = model.trace(x, part(y, batch, x.device), samples=DRAWS)
        found[:, batch] = torch.stack([distortion(model, trace), rate(model, trace)]).cpu().numpy()
        passed()
    return found[0], found[1]


def annealed_numbers(
    model: LatentModel, test: Images, y: Tensor | None, importance: NDArray[np.float64], seed: int
) -> tuple[dict[str, Number], str]:
    """Return the annealed bound of some pictures, the gap on as many drawn ones, and what to read them beside.

    They are as many as can be afforded. Raises LunetteError where those are too few, and for a model whose codes
    chains cannot move.
    """
    check_annealing(model)
    how = Annealing()
    each = how.chains * how.temperatures * math.prod(test.shape) * values_per_pixel(model)
    n = min(ANNEALED, len(test), int(ANNEALED_VALUES / each))
    if n < min(FEWEST_ANNEALED, len(test)):
        raise Unsupported(f"chains through {how.temperatures} temperatures take too long for pictures of this size")
    chosen = Permutation(len(test), seed=0)[:n]
    x, told = to_float(test.pixels[chosen].to(device_of(model))), None if y is None else y[chosen]
    bounds = annealed_bounds(model, x, told, how, seed)
    found = sandwich(model, max(1, n // 2), told, how, seed)
    numbers = {
        "annealed bound": Number.mean(bounds, "nats", "lower"),
        "annealed gap": Number.mean(found.upper - found.lower, "nats", "lower"),
    }
    note = (
        f"annealed: {n} of the pictures, with {how.chains} chains of each through {how.temperatures} temperatures; of "
        f"the same ones the importance bound is {importance[chosen].mean():.2f} nats. The gap is between chains "
        f"there and back on {len(found.lower)} pictures that the model drew: so much log p(x) may be off in the mean"
    )
    return numbers, note


def meaning(head: PixelHead, density: Ability) -> str:
    """Return what the numbers of this likelihood cannot be taken for, or nothing."""
    if not density:
        return f"these are no likelihoods to compare with those of other models: {density.why_not}"
    if head.kind == "density":
        return (
            "this likelihood is a density of pixels from 0 to 1, not a probability of the stored picture: its nats may "
            "be negative, compare only with those of other such densities, and make no bits per pixel"
        )
    return ""


def basis_of(made: Recipe) -> str:
    """Return what must be the same in a run whose nats are to be compared with those of this one."""
    head, model = made.model.likelihood, made.model
    text = head.basis
    if model.corrupt is not None:
        text += ", of damaged pictures"
    return f"{text}, given the label" if model.labels else text
