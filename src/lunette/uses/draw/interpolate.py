"""Walks through the latent space, from picture to picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor

from lunette.errors import LunetteError, unknown
from lunette.images import Images
from lunette.images.subset import of_label
from lunette.results.sheet import Sheet
from lunette.runs import Trained, open_run
from lunette.signatures import Flag
from lunette.uses.verb import Checkpoint, LabelName, RunFolder, verb

Point = int | str | Path
Walk = Literal["linear", "spherical"]


@verb("interpolate", "draw", out="picture")
def interpolate(
    run: RunFolder,
    points: Annotated[
        Sequence[Point], Flag("test pictures by number, label:NAME, or picture files", tuple[str, ...], "POINT")
    ],
    *,
    steps: Annotated[int, "pictures from one point to the next"] = 10,
    walk: Annotated[Walk, "in a straight line or along an arc"] = "linear",
    label: LabelName = None,
    checkpoint: Checkpoint = "last",
) -> Sheet:
    """Walk through the latent space from picture to picture.

    `steps` codes from each of `points` to the next are decoded, both ends included. A point is the index of a test
    picture, "label:NAME" for that label's most typical test picture, or the path of a picture. `walk` is a straight
    line (1 − t) a + t b, or the arc between the codes' directions. A model that is told labels draws the label of the
    first point all the way, or `label`.

    Example:
        lunette interpolate runs/vae-mnist-001 label:3 label:8 --steps 20 -o walk.gif
    """
    if isinstance(points, str) or len(points) < 2:
        raise LunetteError(f"a walk takes at least 2 points, such as label:3 label:8, not {points}")
    if steps < 2:
        raise LunetteError(f"a walk takes at least 2 steps from point to point, not {steps}")
    trained = open_run(run).trained(checkpoint)
    pictures = [picture_at(point, trained) for point in points]
    ends = [trained.encode(picture, label) for picture in pictures]
    if walk not in WALKS:
        raise unknown("walk", walk, WALKS)
    between = WALKS[walk]
    legs = [[between(a, b, steps) for a, b in zip(*leg, strict=True)] for leg in pairwise(ends)]
    # Legs share their ends: each but the first begins with its second picture.
    path = tuple(torch.cat([rung[i > 0 :] for i, rung in enumerate(rungs)]) for rungs in zip(*legs, strict=True))
    first = trained.y(pictures[0], label)
    return Sheet(trained.decode(path, None if first is None else first.expand(len(path[0]))), columns=steps)


def picture_at(point: Point, trained: Trained) -> Images:
    """Return the one picture that `point` means."""
    text = str(point)
    if text.startswith("label:"):
        return typical(trained, text.removeprefix("label:"))
    if text.isdecimal():
        test = trained.pictures()
        if int(text) >= len(test):
            raise LunetteError(f"there is no test picture {text}: they are numbered from 0 to {len(test) - 1}")
        return test.take(slice(int(text), int(text) + 1))
    return trained.pictures(text).take(slice(1))


def typical(trained: Trained, label: str) -> Images:
    """Return the test picture with `label` whose code is nearest to their mean."""
    like = of_label(trained.pictures(), label, "name test pictures by their number")
    flat = torch.cat(trained.encode(like), dim=-1)
    nearest = int((flat - flat.mean(0)).square().sum(1).argmin())
    return like.take(slice(nearest, nearest + 1))


def linear(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """(1 − t) a + t b for `steps` values of t from 0 to 1, (steps, D); a and b are (1, D)."""
    t = torch.linspace(0, 1, steps, device=a.device)[:, None]
    return (1 - t) * a + t * b


def spherical(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Sin((1 − t) ω) / sin ω · a + sin(t ω) / sin ω · b, with ω the angle between a and b (Shoemake, 1985).

    Codes with the same or opposite directions, or with none, have no one arc between them: they get the straight line.
    """
    t = torch.linspace(0, 1, steps, device=a.device)[:, None]
    ω = torch.arccos(torch.nn.functional.cosine_similarity(a, b).clamp(-1, 1))
    if float(ω.sin() * a.norm() * b.norm()) < 1e-6:
        return linear(a, b, steps)
    return ((1 - t) * ω).sin() / ω.sin() * a + (t * ω).sin() / ω.sin() * b


WALKS = {"linear": linear, "spherical": spherical}
