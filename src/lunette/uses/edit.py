"""Pictures changed by moving their codes along a direction: a concept, or one dimension."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images import Data, Images, index_of
from lunette.models import LatentModel
from lunette.progress import Progress, announce
from lunette.runs import Run, open_run
from lunette.training import to_float
from lunette.uses.concepts import combined, concept_of, label_in
from lunette.uses.drift import Drift, drifts_of
from lunette.uses.labels import labels_for, of_label
from lunette.uses.passes import decode, encode, own_pictures
from lunette.uses.stand_ins import split_or_drawn
from lunette.uses.strip import Strip
from lunette.uses.traversal import steps_along
from lunette.uses.verb import Checkpoint, Flag, LabelName, Measured, OwnImages, RunFolder, With, Without, verb

ALONG_CONCEPT, ALONG_DIMENSION = 1.5, 3.0  # how far one goes, in whole vectors and in standard deviations
MEASURED = 500  # pictures, at most, that are edited to see what changes
NOTHING: Mapping[str, Drift] = MappingProxyType({})


@verb("edit", "change", out="picture")
def edit(
    run: RunFolder,
    images: OwnImages = None,
    *,
    concept: Annotated[
        str | Sequence[str] | None,
        Flag("of the run's own; NAME:WEIGHT for less, and several for their sum", tuple[str, ...], repeats=True),
    ] = None,
    with_: With = None,
    without: Without = None,
    measure: Measured = None,
    dimension: Annotated[
        int | Sequence[int] | None,
        Flag(
            "of the code, 0 with the largest rate; several are a row each, and no number the first 10",
            tuple[int, ...] | None,
        ),
    ] = None,
    n: Annotated[int, "pictures to show"] = 8,
    strength: Annotated[
        float | None, "of the last column, the first is as much the other way; 1.5, or 3 of a dimension"
    ] = None,
    steps: Annotated[int, "columns, beside the original"] = 7,
    label: LabelName = None,
    drift: Annotated[bool, "measure what else changes, on up to 500 pictures"] = True,
    checkpoint: Checkpoint = "last",
) -> Strip:
    """Change pictures along a concept, from examples or of the run, or along a dimension of the code.

    Return z + s v decoded, for codes z of n pictures and `steps` strengths s, from −`strength` to `strength`.
    `strength` is by default 1.5, or 3 along a dimension. The pictures are `images`, or test pictures: those without the
    concept, where it is of labels. v is
    - the sum of the run's own concepts that are named, each as NAME or NAME:WEIGHT, or
    - mean code `with_` − mean code `without`, or of what has most and least of a `measure` (see `concept_of`), or
    - one standard deviation along a `dimension` of the code, by its place in the order of rates (see `steps_along`).
      Of several (of the first 10, where none is named) each has a row, and all rows are of the first picture.
    A model that is told labels draws pictures `without` one label `with_` another: with the same code, told their own
    label at strength 0 and the other at 1. With `drift` up to 500 pictures are edited, to measure what else changes.
    Raises LunetteError for less or more than one kind of v, and for what `concept_of` and `combined` refuse.
    """
    concept = [concept] if isinstance(concept, str) else concept or None
    strength = strength if strength is not None else ALONG_CONCEPT if dimension is None else ALONG_DIMENSION
    check(n, strength, steps, concept, with_ if without is None else without, measure, dimension)
    opened = open_run(run)
    trained = opened.trained(checkpoint)
    model, names, to = trained.recipe.model, opened.settings.label_names, label_in(with_)
    redrawn = model.labels > 0 and to is not None and label_in(without) is not None
    if redrawn:
        vectors = {}
    elif dimension is not None:
        vectors = steps_along(model, split_or_drawn(opened, model, "train"), dimension)
    elif concept is not None:
        vectors = {", ".join(concept): combined(opened, trained, concept)}
    else:
        made = concept_of(opened, trained, "", with_, without, measure, label)
        vectors = {", ".join(f"{key} {value}" for key, value in made.how.items()): made.vector}
    several = len(vectors) > 1
    images = to_edit(opened, images, label_in(without))
    images = images.take(slice(1 if several else max(n, MEASURED) if drift else n))
    y = labels_for(model, images, names, label)
    drifts = drifts_of(opened, trained, images, y, to) if drift and not several else NOTHING
    if redrawn:
        other = torch.full((len(images),), index_of(str(to), names))
        return redraw_model(model, images, y, other, n, drifts)
    strengths = torch.linspace(-strength, strength, steps).tolist()
    strips = [edit_model(model, images, vector, strengths, y, n, drifts) for vector in vectors.values()]
    return joined(strips, tuple(vectors))


def check(n: int, strength: float, steps: int, *ways: object) -> None:
    """Raise LunetteError unless just one of `ways` to say what to change is not None, and the numbers can be."""
    if sum(way is not None for way in ways) != 1:
        raise LunetteError(
            "say in one way what to change: --concept NAME, --from label:3 --to label:8, --with A/ --without B/, "
            "--measure slant, or --dimension 0"
        )
    if n < 1 or steps < 3 or steps % 2 == 0 or not 0 < strength < math.inf:
        raise LunetteError(
            "edit takes 1 picture or more, an odd number of steps from 3 (that in the middle is strength 0) and a "
            f"strength above 0, not {n}, {steps} and {strength}"
        )


def to_edit(run: Run, images: Data | None, label: str | None) -> Images:
    """Return the user's own pictures, or the test pictures, of one label if that is said."""
    if images is not None:
        return own_pictures(run, images)
    test = run.dataset.test
    return test if label is None else of_label(test, label, "give pictures of your own, with --images")


def edit_model(
    model: LatentModel,
    images: Images,
    vector: tuple[Tensor, ...],
    strengths: Sequence[float],
    y: Tensor | None = None,
    n: int = 8,
    drifts: Mapping[str, Drift] = NOTHING,
) -> Strip:
    """Do what `edit` does, with a model and a direction at hand, a tensor (D,) a rung; the first n pictures are shown.

    `drifts` are measured on all of them, which are told labels y (N,) if the model is told any.
    """
    z = encode(model, images.pixels, y)
    moved = (tuple(rung + s * v.to(rung.device) for rung, v in zip(z, vector, strict=True)) for s in strengths)
    return strip(images, (decode(model, codes, y) for codes in moved), strengths, n, drifts)


def redraw_model(
    model: LatentModel,
    images: Images,
    y: Tensor | None,
    other: Tensor,
    n: int = 8,
    drifts: Mapping[str, Drift] = NOTHING,
) -> Strip:
    """Return pictures with labels y (N,) decoded from their own codes: at strength 0 as these, at 1 as `other` (N,)."""
    z = encode(model, images.pixels, y)
    return strip(images, (decode(model, z, told) for told in (y, other)), (0.0, 1.0), n, drifts)


def strip(
    images: Images,
    drawn: Iterable[NDArray[np.float32]],
    strengths: Sequence[float],
    n: int,
    drifts: Mapping[str, Drift],
) -> Strip:
    """Return the first n images beside what is `drawn` (N, C, H, W) of all of them at each strength, and measure it."""
    kept: list[NDArray[np.float32]] = []
    changes: dict[str, list[float]] = {name: [] for name in drifts}
    for done, pictures in enumerate(drawn, 1):
        kept.append(pictures[:n])
        for name, drift in drifts.items():
            changes[name].append(drift(torch.from_numpy(pictures)))
        announce(Progress("editing pictures", done, len(strengths)))
    originals = to_float(images.pixels[:n]).numpy()
    return Strip(originals, np.stack(kept, axis=1), tuple(strengths), changes=changes, measured=len(images))


def joined(strips: Sequence[Strip], along: tuple[str, ...]) -> Strip:
    """Return strips below one another, each `along` one of these; changes are kept of one alone."""
    originals, images = (np.concatenate([getattr(s, name) for s in strips]) for name in ("originals", "images"))
    first = strips[0]
    changes, measured = (first.changes, first.measured) if len(strips) == 1 else ({}, 0)
    return Strip(originals, images, first.strengths, along, changes, measured)
