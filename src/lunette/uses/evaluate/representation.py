"""The group "representation": what codes (posterior means, all rungs side by side) say of labels and known factors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lunette.compute import to_float
from lunette.errors import Unsupported
from lunette.images import Images
from lunette.images.subset import some
from lunette.measures.disentanglement import (
    VOTES,
    Array,
    completeness,
    disentanglement,
    entropies,
    importance_of,
    information,
    modularity,
    mutual_information_gap,
    r_squared,
    separated_attribute_predictability,
    vote_accuracy,
    votes,
)
from lunette.measures.probes import linear_probe, nearest_neighbours, standard_error
from lunette.progress import Progress, announce
from lunette.randomness import stream
from lunette.results.evaluation import Group, Number
from lunette.results.information_map import InformationMap
from lunette.uses.evaluate.subject import Subject

PICTURES = 10_000  # that probes learn from and are tested on, at most
PIXELS = 2**26  # of these pictures, at most: what of them is held as float32 takes 256 MB
FOREST = 5_000  # codes that a random forest learns from, at most
FEWEST = 100  # test pictures with which information can be counted
DIMENSIONS = 100  # of a code whose disentanglement is measured, at most


@dataclass(frozen=True)
class Coded:
    """Pictures, and their codes (N, D)."""

    images: Images
    codes: NDArray[np.float32]

    def factors(self, names: list[str]) -> Array:
        """Return the factors called `names` (N, F)."""
        return np.stack([self.images.factors[name].double().numpy() for name in names], axis=1)


def representation(subject: Subject) -> Group:
    """Measure probes where pictures have labels, and disentanglement where their factors are known.

    The predictors learn from training pictures; everything is measured on test pictures. Raises LunetteError where
    there are neither labels nor factors.
    """
    room = min(PICTURES, max(1, PIXELS // math.prod(subject.test.shape)))
    learned_from = some(subject.data.train, room)
    images, means = subject.some_test(room)
    test = Coded(images, means.numpy())
    train = Coded(learned_from, torch.cat(subject.trained.encode(learned_from), dim=1).numpy())
    parts = probes(train, test), factors(train, test, subject.settings.seed)
    notes = tuple(note for part in parts for note in part.notes)
    if not any(part.numbers for part in parts):
        raise Unsupported("; ".join(notes))
    if subject.model.labels:
        notes += ("the model is told labels beside its codes, which therefore need not hold them",)
    probed, known = parts
    return Group({**probed.numbers, **known.numbers}, notes, known.lists, pictures=known.pictures)


def probes(train: Coded, test: Coded) -> Group:
    """Return how well labels are read off codes and, to compare, off pixels; a note where there are no labels."""
    if train.images.labels is None or test.images.labels is None:
        return Group(
            notes=("labels are missing, which probes ask for: sort a folder's pictures into sub-folders, one a label",)
        )
    labels, test_labels = train.images.labels.numpy(), test.images.labels.numpy()
    if len(np.unique(labels)) < 2:
        return Group(notes=("all training pictures have the same label, so there is nothing to tell apart by probes",))
    pixels, test_pixels = (to_float(each.images.pixels[:]).flatten(1).numpy() for each in (train, test))
    measures = {
        "linear probe": (linear_probe, train.codes, test.codes),
        "nearest neighbours": (nearest_neighbours, train.codes, test.codes),
        "nearest neighbours in pixels": (nearest_neighbours, pixels, test_pixels),
    }
    numbers = {}
    for done, (name, (measure, x, test_x)) in enumerate(measures.items()):
        announce(Progress("probing codes", done, len(measures)))
        share = measure(x, labels, test_x, test_labels)
        numbers[name] = Number(share, error=standard_error(share, len(test_labels)), better="higher")
    announce(Progress("probing codes", len(measures), len(measures)))
    return Group(numbers, (f"the probes learned from {len(labels):,} training pictures",))


def factors(train: Coded, test: Coded, seed: int) -> Group:
    """Return how codes are disentangled; a note where factors are not known, or where that cannot be measured."""
    known = test.images.factors
    if not known:
        return Group(notes=("known factors are missing, which disentanglement asks for: moons and shapes have them",))
    names = [name for name, values in known.items() if values.min() < values.max()]
    notes = tuple(f"the factor {name} is constant here, and left out" for name in known if name not in names)
    if not names:
        return Group(notes=notes)
    if len(test.codes) < FEWEST or len(train.codes) < FEWEST:
        why = f"asks for {FEWEST} training and test pictures, and these are {len(train.codes)} and {len(test.codes)}"
        return Group(notes=(*notes, f"disentanglement {why}"))
    if test.codes.shape[1] > DIMENSIONS:
        why = f"measured for codes of up to {DIMENSIONS} dimensions, and these have {test.codes.shape[1]:,}"
        return Group(notes=(*notes, f"disentanglement is {why}"))
    return disentangled(train, test, names, notes, seed)


def disentangled(train: Coded, test: Coded, names: list[str], notes: tuple[str, ...], seed: int) -> Group:
    """Return the scores of codes for the factors called `names`, and add to the notes."""
    z, v = train.codes.astype(np.float64), train.factors(names)
    test_z, test_v = test.codes.astype(np.float64), test.factors(names)
    draws = np.random.default_rng(stream(seed, "representation"))
    columns, accounted = [], []
    for f in range(len(names)):
        announce(Progress("reading factors off codes", f, len(names)))
        column, share = importance_of(z[:FOREST], v[:FOREST, f], test_z, test_v[:, f], seed)
        columns.append(column)
        accounted.append(share)
    announce(Progress("reading factors off codes", len(names), len(names)))
    importance, info = np.stack(columns, axis=1), information(test_z, test_v)
    scores = counted(z, v, test_z, test_v, draws) | dci(importance, accounted)
    chance = counted(z, draws.permutation(v), test_z, draws.permutation(test_v), draws)
    dealt = ", ".join(f"{name} {value:.2f}" for name, value in chance.items())
    notes += (f"codes dealt out to the pictures at random would get: {dealt}",)
    if len(names) == 1:
        notes += ("one factor varies, and modularity, disentanglement and the FactorVAE score ask for two",)
    error = {"FactorVAE score": standard_error(scores["FactorVAE score"], VOTES)} if len(names) > 1 else {}
    return Group(
        {name: Number(value, error=error.get(name), better="higher") for name, value in scores.items()},
        notes,
        {f"information about {name}, nats": column.tolist() for name, column in zip(names, info.T, strict=True)}
        | {f"importance for {name}": column.tolist() for name, column in zip(names, columns, strict=True)}
        | {"R² of each factor": accounted},
        pictures={"Information": InformationMap(info, entropies(test_v), tuple(names))},
    )


def counted(z: Array, v: Array, test_z: Array, test_v: Array, draws: np.random.Generator) -> dict[str, float]:
    """Return the scores of codes (N, D) and factors (N, F) that need no forest."""
    info = information(test_z, test_v)
    scores = {
        "MIG": mutual_information_gap(info, entropies(test_v)),
        "SAP": separated_attribute_predictability(r_squared(test_z, test_v)),
    }
    if v.shape[1] > 1:
        accuracy = vote_accuracy(votes(z, v, draws), votes(test_z, test_v, draws))
        scores |= {"modularity": modularity(info), "FactorVAE score": accuracy}
    return scores


def dci(importance: Array, accounted: list[float]) -> dict[str, float]:
    """Return the scores of importances (D, F), and of the share of each factor's variance that was accounted for."""
    dimensions, count = importance.shape
    return {
        **({"DCI disentanglement": disentanglement(importance)} if count > 1 else {}),
        **({"DCI completeness": completeness(importance)} if dimensions > 1 else {}),
        "DCI informativeness": float(np.mean(accounted)),
    }
