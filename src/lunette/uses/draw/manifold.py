"""The map of a latent plane: what is decoded at each point of it."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from lunette.compute.coding import decode, encode
from lunette.compute.labels import labels_for
from lunette.errors import LunetteError
from lunette.images import Images, Label
from lunette.models import LatentModel
from lunette.results.sheet import Sheet
from lunette.runs import open_run
from lunette.runs.stand_ins import split_or_drawn
from lunette.uses.draw.axes import principal_axes
from lunette.uses.verb import Checkpoint, LabelName, RunFolder, verb

EDGE = 0.05  # the map goes from this quantile of the standard normal to 1 − this one


@verb("manifold", "draw", out="picture")
def manifold(
    run: RunFolder,
    n: Annotated[int, "pictures on each side of the map"] = 15,
    *,
    dimensions: Annotated[
        tuple[int, int] | None, "of the code; by default its two, or the first two principal axes"
    ] = None,
    label: LabelName = None,
    checkpoint: Checkpoint = "last",
) -> Sheet:
    """Draw the map of a latent plane: what is decoded at each point of it.

    An n × n grid of codes is decoded, the first coordinate to the right and the second one up. Coordinates are at the
    standard normal's quantiles of n even shares from 0.05 to 0.95. With a 2-D code and the standard normal prior they
    are the code itself. Else the plane lies in the codes of the test pictures, in units of their standard deviations
    and around their mean: `dimensions` i, j of the code, or the first two principal axes. Of several rungs the map is
    the top one's, with those below at their prior means given it. A model that is told labels draws `label`, or the
    first one.

    Example:
        lunette manifold runs/conv-vae-mnist-001 --n 20
    """
    if n < 1:
        raise LunetteError(f"cannot draw a map of {n} × {n} pictures: at least 1")
    trained = open_run(run).trained(checkpoint)
    return manifold_model(trained.model, split_or_drawn(trained, "test"), n, dimensions, label)


def manifold_model(
    model: LatentModel,
    test: Images,
    n: int = 15,
    dimensions: tuple[int, int] | None = None,
    label: Label | None = None,
) -> Sheet:
    """Do what `manifold` does, with a model and test pictures at hand."""
    codes = plane(model, test, quantiles(n), dimensions)
    y = labels_for(model, test, test.label_names, test.label_names[0] if model.labels and label is None else label)
    return Sheet(decode(model, (codes,), None if y is None else y[:1].expand(len(codes))), columns=n)


def quantiles(n: int) -> Tensor:
    """Return the standard normal's quantiles of n even shares, (n,)."""
    return torch.special.ndtri(torch.linspace(EDGE, 1 - EDGE, n) if n > 1 else torch.tensor([0.5]))


def plane(model: LatentModel, test: Images, steps: Tensor, dimensions: tuple[int, int] | None) -> Tensor:
    """Return the codes (n·n, D) of the map, row by row from the top left."""
    up, right = torch.meshgrid(steps.flip(0), steps, indexing="ij")
    grid = torch.stack([right.flatten(), up.flatten()], dim=1)
    y = labels_for(model, test, test.label_names)
    size = encode(model, test.pixels[:1], None if y is None else y[:1])[0].shape[1]
    if dimensions is None and size == 2 and model.prior is not None and model.prior.is_standard:
        return grid
    codes = encode(model, test.pixels, y)[0].cpu()
    if dimensions is None:
        mean, axes = principal_axes(codes)
        return mean + grid[:, : len(axes)] @ axes
    if not all(0 <= d < size for d in dimensions) or dimensions[0] == dimensions[1]:
        raise LunetteError(f"the code has dimensions 0 to {size - 1}, and {dimensions} are not two of them")
    axes = torch.eye(size)[list(dimensions)] * codes.std(0, correction=0)
    return codes.mean(0) + grid @ axes
