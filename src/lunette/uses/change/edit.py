"""Pictures changed by moving their codes along a direction: a concept, or one dimension."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.compute import to_float
from lunette.compute.coding import decode, encode
from lunette.errors import LunetteError
from lunette.images import Data, Images, index_of
from lunette.images.subset import of_label
from lunette.models import LatentModel
from lunette.progress import Progress, announce
from lunette.results.strip import Strip
from lunette.runs import Trained, open_run
from lunette.uses.change.directions import Direction
from lunette.uses.change.effects import Effect, effects_of
from lunette.uses.verb import Checkpoint, LabelName, OwnImages, RunFolder, verb

MEASURED = 500  # pictures, at most, that are edited to see what changes
NOTHING: Mapping[str, Effect] = MappingProxyType({})


@verb("edit", "change", out="picture", takes=(Direction,))
def edit(
    run: RunFolder,
    images: OwnImages = None,
    *,
    n: Annotated[int, "pictures to show"] = 8,
    strength: Annotated[
        float | None, "of the last column, the first is as much the other way; 1.5, or 3 of a dimension"
    ] = None,
    steps: Annotated[int, "columns, beside the original"] = 7,
    label: LabelName = None,
    effects: Annotated[bool, "measure what else changes, on up to 500 pictures"] = True,
    checkpoint: Checkpoint = "last",
    **direction: Any,
) -> Strip:
    """Change pictures along a concept, from examples or of the run, or along a dimension of the code.

    Return z + s v decoded, for codes z of n pictures and `steps` strengths s, from −`strength` to `strength`.
    `strength` is by default 1.5, or 3 along a dimension. The pictures are `images`, or test pictures: those without the
    concept, where it is of labels. v is said by the fields of `Direction`. Of several dimensions (of the first 10,
    where none is named) each has a row, and all rows are of the first picture. A model that is told labels draws
    pictures `without` one label `with_` another: with the same code, told their own label at strength 0 and the other
    at 1. With `effects` up to 500 pictures are edited, to measure what else changes.

    Raises:
        LunetteError: for less or more than one kind of v, and for what `concept_of` and `combined` refuse.

    Example:
        lunette edit runs/vae-mnist-001 --measure slant
        lunette edit runs/vae-mnist-001 --from label:3 --to label:8 -o edit.gif
    """
    along = Direction.of(**direction)
    strength = along.strength if strength is None else strength
    check(n, strength, steps)
    trained = open_run(run).trained(checkpoint)
    redrawn = along.is_redrawn(trained)
    vectors = {} if redrawn else along.steps(trained, label)
    several = len(vectors) > 1
    images = to_edit(trained, images, along.source_label)
    images = images.take(slice(1 if several else max(n, MEASURED) if effects else n))
    y = trained.y(images, label)
    measured = effects_of(trained, images, y, along.goal_label) if effects and not several else NOTHING
    if redrawn:
        other = torch.full((len(images),), index_of(str(along.goal_label), trained.label_names))
        return redraw_model(trained.model, images, y, other, n, measured)
    strengths = torch.linspace(-strength, strength, steps).tolist()
    strips = [edit_model(trained.model, images, vector, strengths, y, n, measured) for vector in vectors.values()]
    return joined(strips, tuple(vectors))


def check(n: int, strength: float, steps: int) -> None:
    """Raise LunetteError unless pictures can be edited with these numbers."""
    if n < 1 or steps < 3 or steps % 2 == 0 or not 0 < strength < math.inf:
        raise LunetteError(
            "edit takes 1 picture or more, an odd number of steps from 3 (that in the middle is strength 0) and a "
            f"strength above 0, not {n}, {steps} and {strength}"
        )


def to_edit(trained: Trained, images: Data | None, label: str | None) -> Images:
    """Return the user's own pictures, or the test pictures, of one label if that is said."""
    shown = trained.pictures(images)
    if images is not None or label is None:
        return shown
    return of_label(shown, label, "give pictures of your own, with --images")


def edit_model(
    model: LatentModel,
    images: Images,
    vector: tuple[Tensor, ...],
    strengths: Sequence[float],
    y: Tensor | None = None,
    n: int = 8,
    effects: Mapping[str, Effect] = NOTHING,
) -> Strip:
    """Do what `edit` does, with a model and a direction at hand, a tensor (D,) a rung; the first n pictures are shown.

    `effects` are measured on all of them, which are told labels y (N,) if the model is told any.
    """
    z = encode(model, images.pixels, y)
    moved = (tuple(rung + s * v.to(rung.device) for rung, v in zip(z, vector, strict=True)) for s in strengths)
    return strip(images, (decode(model, codes, y) for codes in moved), strengths, n, effects)


def redraw_model(
    model: LatentModel,
    images: Images,
    y: Tensor | None,
    other: Tensor,
    n: int = 8,
    effects: Mapping[str, Effect] = NOTHING,
) -> Strip:
    """Return pictures with labels y (N,) decoded from their own codes: at strength 0 as these, at 1 as `other` (N,)."""
    z = encode(model, images.pixels, y)
    return strip(images, (decode(model, z, labels) for labels in (y, other)), (0.0, 1.0), n, effects)


def strip(
    images: Images,
    drawn: Iterable[NDArray[np.float32]],
    strengths: Sequence[float],
    n: int,
    effects: Mapping[str, Effect],
) -> Strip:
    """Return the first n images beside what is `drawn` (N, C, H, W) of all of them at each strength, and measure it."""
    kept: list[NDArray[np.float32]] = []
    changes: dict[str, list[float]] = {name: [] for name in effects}
    for done, pictures in enumerate(drawn, 1):
        kept.append(pictures[:n])
        for name, effect in effects.items():
            changes[name].append(effect(torch.from_numpy(pictures)))
        announce(Progress("editing pictures", done, len(strengths)))
    originals = to_float(images.pixels[:n]).numpy()
    return Strip(originals, np.stack(kept, axis=1), tuple(strengths), changes=changes, measured=len(images))


def joined(strips: Sequence[Strip], along: tuple[str, ...]) -> Strip:
    """Return strips below one another, each `along` one of these; changes are kept of one alone."""
    originals, images = (np.concatenate([getattr(s, name) for s in strips]) for name in ("originals", "images"))
    first = strips[0]
    changes, measured = (first.changes, first.measured) if len(strips) == 1 else ({}, 0)
    return Strip(originals, images, first.strengths, along, changes, measured)
