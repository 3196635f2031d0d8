"""How near new pictures are to real ones."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lunette.errors import LunetteError
from lunette.models import LatentModel
from lunette.progress import Progress, Watch, unwatched
from lunette.randomness import reseed
from lunette.runs import FittedPrior
from lunette.training import cuts, spread
from lunette.uses.classifier import Classifier, classifier_of
from lunette.uses.evaluate.copies import TYPICAL, copies
from lunette.uses.evaluate.distances import frechet_distance, kernel_distance
from lunette.uses.evaluate.neighbours import K, overlap
from lunette.uses.evaluate.subject import Subject
from lunette.uses.evaluate.two_sample import told_apart_by_features, told_apart_by_pixels
from lunette.uses.evaluation import Group, Number
from lunette.uses.fit_prior import codes
from lunette.uses.passes import decode, device_of, part
from lunette.uses.sample import prior_of

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


def samples(subject: Subject, watch: Watch = unwatched) -> Group:
    """Compare new pictures with test pictures: distances, overlap, two-sample tests and copies of training pictures.

    Each number's floor is the same of as many training pictures. Raises LunetteError where there is no prior to draw
    from, and for fewer than 20 test or training pictures.
    """
    model, train, seed = subject.model, subject.data.train, subject.settings.seed
    n = min(MOST, len(subject.test), len(train), max(FEWEST, MOST_BYTES // math.prod(train.shape)))
    if n < FEWEST:
        raise LunetteError(f"{n} pictures are too few to compare samples with: at least {FEWEST}, of test and training")
    fitted = prior_of(subject.run, subject.trained, subject.settings.prior)
    told = subject.y(train.take(slice(n)))  # labels as often as in the data
    new = pictured(model, drawn_codes(model, fitted, n, told, seed, watch), told)
    z, rungs = codes(model, train.take(slice(n)), 1, seed, watch)
    again = pictured(model, z[0].split(rungs, dim=1), told)

    classifier = classifier_of(subject.data, watch)
    real, seen = subject.test.pixels[:n], train.pixels[:n]
    measured = compared(classifier, new, real, seed, watch)
    floors = compared(classifier, seen, real, seed, watch)
    numbers = {name: Number(*measured[name], floors[name][0], better) for name, better in BETTER.items()}
    decoded = frechet_distance(classifier.features(again), classifier.features(real))
    share, error, nearest_pairs = copies(new, real, train.pixels, watch)
    return Group(
        numbers
        | {
            f"{FRECHET} of decoded training codes": Number(decoded, floor=floors[FRECHET][0], better="lower"),
            "copies": Number(share, "", error, TYPICAL, "lower"),
        },
        notes=(*told_of(classifier, n), source(fitted)),
        basis=f"features of {classifier.key}, {n} pictures",
        pictures={"Nearest training pictures": nearest_pairs},
    )


def drawn_codes(
    model: LatentModel, fitted: FittedPrior | None, n: int, y: Tensor | None, seed: int, watch: Watch
) -> tuple[Tensor, ...]:
    """Draw n codes from the fitted prior, or else the model's own, a tensor (n, D) a rung; of labels y (n,) if any."""
    parts = []
    with torch.random.fork_rng(), torch.inference_mode():
        reseed(seed, "samples")
        for cut in cuts(n, (1,)):
            size = min(cut.stop, n) - cut.start
            if fitted is None:
                parts.append(model.draw(size, part(y, cut, device_of(model))))
            else:
                known = part(y, cut, torch.device("cpu")) if fitted.label_names else None
                parts.append(fitted.density.sample(size, known).split(fitted.rungs, dim=1))
            watch(Progress("drawing samples", cut.start + size, n))
    return tuple(torch.cat(rung) for rung in zip(*parts, strict=True))


def pictured(model: LatentModel, rungs: tuple[Tensor, ...], y: Tensor | None) -> Tensor:
    """Codes (N, D), a tensor a rung, of labels y (N,) if any → their mean pictures in 8 bits, uint8 (N, C, H, W)."""
    n, parts = len(rungs[0]), []
    for cut in cuts(n, (1,)):
        images = decode(model, tuple(rung[cut] for rung in rungs), None if y is None else y[cut])
        parts.append((images.clip(0, 1) * 255).round().astype(np.uint8))
    return torch.from_numpy(np.concatenate(parts))


def compared(
    classifier: Classifier, pixels: Tensor, real: Tensor, seed: int, watch: Watch
) -> dict[str, tuple[float, str, float | None]]:
    """Return each number of uint8 pictures beside real ones: value, unit and standard error, by the names of BETTER."""
    a, b = classifier.features(pixels), classifier.features(real)
    kernel, kernel_error = kernel_distance(a, b, seed)
    by_pixels, pixels_error = told_apart_by_pixels(pixels, real, seed, watch)
    by_features, features_error = told_apart_by_features(a, b, seed)
    return {
        FRECHET: (frechet_distance(a, b), "", None),
        "kernel distance (KID)": (kernel, "", kernel_error),
        **{name: (share, "", None) for name, share in overlap(b, a).items()},
        "two-sample accuracy, pixels": (by_pixels, "", pixels_error),
        "two-sample accuracy, features": (by_features, "", features_error),
    }


def told_of(classifier: Classifier, n: int) -> list[str]:
    """Return what the numbers rest on, in sentences."""
    task = "its labels" if classifier.supervised else "quarter turns of unlabelled pictures"
    notes = [
        f"{n:,} samples, as many test pictures and, for the floor, as many training pictures. A sample is the mean "
        "picture of its code, rounded to 8 bits; distances depend on how many pictures there are.",
        "The features are those of a network trained on this data to tell "
        f"{task} apart, which it does for {classifier.accuracy:.2%} of the test pictures.",
        f"Precision, recall, density and coverage take {K} neighbours. A two-sample accuracy of 0.5 is chance. A sample "
        f"is a copy where it is closer to one training picture than {TYPICAL:.0%} of the test pictures are, beside its "
        "next neighbours.",
        f"The {FRECHET} of decoded training codes is what a prior that fits the codes perfectly would reach.",
    ]
    features = classifier.network[-1].in_features
    if n < 2 * features:
        notes.append(
            f"{n} pictures are few for covariances of {features} features: the {FRECHET} is far above its limit."
        )
    return notes


def source(fitted: FittedPrior | None) -> str:
    """Return where the codes were drawn from, as a sentence."""
    return f"Codes are drawn from the {'model' if fitted is None else fitted.kind}'s prior."
