"""Originals beside what a model makes of them."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from lunette.compute import to_float
from lunette.compute.coding import decode, encode
from lunette.compute.labels import labels_for
from lunette.errors import LunetteError
from lunette.images import Images, Label
from lunette.models import LatentModel
from lunette.randomness import reseed
from lunette.results.sheet import Sheet
from lunette.runs import open_run
from lunette.uses.verb import Checkpoint, LabelName, OwnImages, RunFolder, Seed, verb

PAIRS_A_ROW = 4


@verb("reconstruct", "draw", out="picture")
def reconstruct(
    run: RunFolder,
    images: OwnImages = None,
    n: Annotated[int, "pictures to show"] = 32,
    *,
    label: LabelName = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
) -> Sheet:
    """Show pictures, and beside each its reconstruction: the mean image of its mean code.

    They are the first test pictures, or `images`, which are brought to the model's size. A model that was trained to
    mend damage is shown test pictures damaged (by `seed`), and the sheet has damaged, restored and original; your own
    pictures it gets as they are. A model that is told labels takes the pictures' own, or `label`.

    Example:
        lunette reconstruct runs/vae-mnist-001 --images my-photos/
    """
    if n < 1:
        raise LunetteError(f"cannot reconstruct {n} pictures: at least 1")
    trained = open_run(run).trained(checkpoint)
    shown = trained.pictures(images).take(slice(n))
    if images is None:
        return reconstruct_model(trained.model, shown, seed, label)
    return side_by_side(trained.model, to_float(shown.pixels[:]), None, trained.y(shown, label))


def reconstruct_model(model: LatentModel, images: Images, seed: int = 0, label: Label | None = None) -> Sheet:
    """Do what `reconstruct` does with test pictures and a model at hand."""
    x, damaged = to_float(images.pixels[:]), None
    if model.corrupt is not None:
        with torch.random.fork_rng():
            reseed(seed, "reconstruct")
            damaged = model.corrupt(x)
    return side_by_side(model, x, damaged, labels_for(model, images, images.label_names, label))


def side_by_side(model: LatentModel, x: Tensor, damaged: Tensor | None, y: Tensor | None) -> Sheet:
    """Return the sheet original, reconstruction, or damaged, restored, original, of images (N, C, H, W) in [0, 1]."""
    drawn = torch.from_numpy(decode(model, encode(model, x if damaged is None else damaged, y), y))
    parts = {"original": x, "reconstruction": drawn}
    if damaged is not None:
        parts = {"damaged": damaged, "restored": drawn, "original": x}
    groups = torch.stack([each.clamp(0, 1) for each in parts.values()], dim=1).numpy()
    return Sheet(groups.reshape(-1, *drawn.shape[1:]), PAIRS_A_ROW * len(parts), tuple(parts))
