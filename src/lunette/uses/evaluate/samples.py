"""How near new pictures are to real ones."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lunette.compute import in_batches, values_per_pixel
from lunette.compute.coding import decode, device_of, part
from lunette.errors import Unsupported
from lunette.images import Pixels, Shape
from lunette.images.subset import some
from lunette.measures.classifier import FEATURES, Classifier, classifier_of
from lunette.measures.copies import AROUND, TYPICAL, copies
from lunette.measures.copies import FEWEST as FEWEST_REAL
from lunette.measures.distances import frechet_distance, kernel_distance
from lunette.measures.neighbours import K, overlap
from lunette.measures.two_sample import told_apart_by_features, told_apart_by_pixels
from lunette.models import LatentModel
from lunette.progress import Progress, announce
from lunette.randomness import reseed
from lunette.results.evaluation import Group, Number
from lunette.results.sheet import Sheet
from lunette.runs import FittedPrior
from lunette.uses.draw.sample import prior_of
from lunette.uses.evaluate.subject import Subject
from lunette.uses.fit_prior import codes

FEWEST, MOST = 20, 10_000  # pictures on each side
MOST_BYTES = 2**30  # of pixels on each side
FRECHET = "Fréchet distance"
BETTER: dict[str, Literal["lower", "higher"]] = {
    FRECHET: "lower",
    "kernel distance (KID)": "lower",
    "precision": "higher",
    "recall": "higher",
    "density": "higher",
    "coverage": "higher",
    "two-sample accuracy, pixels": "lower",
    "two-sample accuracy, features": "lower",
}


def samples(subject: Subject) -> Group:
    """Compare new pictures with test pictures: distances, overlap, two-sample tests and copies of training pictures.

    Each number's floor is the same of as many training pictures. Raises LunetteError where there is no prior to draw
    from, and for fewer than 20 test or training pictures.
    """
    model, data, seed = subject.model, subject.data, subject.settings.seed
    n = min(MOST, len(subject.test), len(data.train), max(FEWEST, MOST_BYTES // math.prod(data.train.shape)))
    if n < FEWEST:
        raise Unsupported(f"{n} pictures are too few to compare samples with: at least {FEWEST}, of test and training")
    seen = data.train.take(slice(n))
    told = subject.y(seen)  # labels as often as in the data
    fitted = prior_of(subject.trained, subject.settings.prior)
    new = pictured(model, drawn_codes(model, fitted, n, told, seen.shape, seed), told, seen.shape)
    z, rungs = codes(model, seen, 1, seed)
    again = pictured(model, z[0].split(rungs, dim=1), told, seen.shape)
    classifier = classifier_of(data)
    real = some(subject.test, n).pixels[:]
    measured = compared(classifier, new, real, seed)
    floors = {name: value for name, (value, _) in compared(classifier, seen.pixels[:], real, seed).items()}
    decoded = frechet_distance(classifier.features(again), classifier.features(real))
    copied, closest = copies_of(new, real, data.train.pixels)
    return Group(
        {name: Number(value, "", se, floors[name], BETTER[name]) for name, (value, se) in measured.items()}
        | {
            f"{FRECHET} of decoded training codes": Number(decoded, floor=floors[FRECHET], better="lower"),
            **copied,
        },
        notes=notes(classifier, fitted, n),
        basis=f"features {classifier.key}, {n} samples",
        pictures=closest,
    )


def copies_of(new: Tensor, real: Tensor, trained: Pixels) -> tuple[dict[str, Number], dict[str, Sheet]]:
    """Return the share of copies and the closest pairs; nothing where too few are real to say what is close."""
    if len(real) < FEWEST_REAL:
        return {}, {}
    share, error, closest = copies(new, real, trained)
    return {"copies": Number(share, "", error, TYPICAL, "lower")}, {"Nearest training pictures": closest}


def drawn_codes(
    model: LatentModel, fitted: FittedPrior | None, n: int, y: Tensor | None, shape: Shape, seed: int
) -> tuple[Tensor, ...]:
    """Draw n codes from the fitted prior, or else the model's own, a tensor (n, D) a rung; of labels y (n,) if any."""
    parts = []
    with torch.random.fork_rng(), torch.inference_mode():
        reseed(seed, "samples")
        for batch in in_batches(n, shape, values_per_pixel(model)):
            size = min(batch.stop, n) - batch.start
            if fitted is None:
                parts.append(model.draw(size, part(y, batch, device_of(model))))
            else:
                known = y[batch] if y is not None and fitted.label_names else None
                parts.append(fitted.density.sample(size, known).split(fitted.rungs, dim=1))
            announce(Progress("drawing samples", batch.start + size, n))
    return tuple(torch.cat(rung) for rung in zip(*parts, strict=True))


def pictured(model: LatentModel, rungs: tuple[Tensor, ...], y: Tensor | None, shape: Shape) -> Tensor:
    """Codes (N, D), a tensor a rung, of labels y (N,) if any → their mean pictures in 8 bits, uint8 (N, C, H, W)."""
    parts = []
    for batch in in_batches(len(rungs[0]), shape, values_per_pixel(model)):
        images = decode(model, tuple(rung[batch] for rung in rungs), None if y is None else y[batch])
        parts.append((images.clip(0, 1) * 255).round().astype(np.uint8))
    return torch.from_numpy(np.concatenate(parts))


def compared(classifier: Classifier, pixels: Tensor, real: Tensor, seed: int) -> dict[str, tuple[float, float | None]]:
    """Return the numbers of uint8 pictures beside real ones, by the names of BETTER, with their standard errors."""
    a, b = classifier.features(pixels), classifier.features(real)
    return {
        FRECHET: (frechet_distance(a, b), None),
        "kernel distance (KID)": kernel_distance(a, b, seed),
        **{name: (share, None) for name, share in overlap(b, a).items()},
        "two-sample accuracy, pixels": told_apart_by_pixels(pixels, real, seed),
        "two-sample accuracy, features": told_apart_by_features(a, b, seed),
    }


def notes(classifier: Classifier, fitted: FittedPrior | None, n: int) -> tuple[str, ...]:
    """Return what the numbers rest on, in sentences."""
    task = "the labels" if classifier.supervised else "quarter turns of the pictures, which have no labels,"
    own = "the model's own" if fitted is None else f"the fitted {fitted.kind}"
    few = f"{n} pictures are few for covariances of {FEATURES} features: the {FRECHET} is far above its limit."
    return (
        f"Codes are drawn from {own} prior. A sample is the mean picture of its code, rounded to 8 bits.",
        f"{n:,} samples and as many test pictures; for the floor, as many training pictures in place of samples.",
        f"Features are those of a network that learnt from the training pictures to tell {task} apart, and is right "
        f"about {classifier.accuracy:.1%} of the test pictures.",
        f"Precision, recall, density and coverage take {K} neighbours. A two-sample accuracy of 0.5 is chance.",
        f"The {FRECHET} of decoded training codes is what a prior that fits the codes perfectly would reach.",
        f"A copy is closer to one training picture, compared with the next {AROUND}, than {TYPICAL:.0%} of the test "
        "pictures are." + (f" {n} of these are too few to look for any." if n < FEWEST_REAL else ""),
        *([few] if n < 2 * FEATURES else []),
    )
