"""Verbs that draw what a trained model makes of codes and pictures."""

from __future__ import annotations

from typing import Annotated, Literal

from tyro.conf import Positional, arg

from lunette.faces.commands.shared import (
    Checkpoint,
    Kind,
    LabelName,
    Npz,
    Out,
    OwnImages,
    Processes,
    RunPath,
    Seed,
    check_place,
    show,
)


def sample(
    run: RunPath,
    n: Annotated[int, arg(help="pictures to draw")] = 64,
    prior: Annotated[Kind | None, arg(help="a fitted one; by default the model's own, or the newest fitted")] = None,
    label: Annotated[str | None, arg(help="draw this one, where the model or the prior is told labels")] = None,
    seed: Seed = 0,
    temperature: Annotated[float, arg(help="below 1: more typical, less various")] = 1.0,
    checkpoint: Checkpoint = "last",
    out: Out = None,
    npz: Npz = None,
) -> None:
    """Draw new pictures from the prior."""
    check_place(run, out, npz)
    from lunette.uses.sample import sample

    sheet = sample(run, n, prior=prior, label=label, seed=seed, temperature=temperature, checkpoint=checkpoint)
    show(sheet, run, "sample", out, npz)


def reconstruct(
    run: RunPath,
    images: OwnImages = None,
    n: Annotated[int, arg(help="pictures to show")] = 32,
    label: LabelName = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    out: Out = None,
    npz: Npz = None,
) -> None:
    """Show pictures, and beside each what comes back from its code."""
    check_place(run, out, npz)
    from lunette.uses.reconstruct import reconstruct

    show(reconstruct(run, images, n, label=label, seed=seed, checkpoint=checkpoint), run, "reconstruct", out, npz)


def interpolate(
    run: RunPath,
    points: Annotated[
        Positional[tuple[str, ...]],
        arg(help="test pictures by number, label:NAME, or picture files", metavar="POINT"),
    ],
    steps: Annotated[int, arg(help="pictures from one point to the next")] = 10,
    walk: Annotated[Literal["linear", "spherical"], arg(help="in a straight line or along an arc")] = "linear",
    label: LabelName = None,
    checkpoint: Checkpoint = "last",
    out: Out = None,
    npz: Npz = None,
) -> None:
    """Walk through the latent space from picture to picture; with --out walk.gif as an animation."""
    check_place(run, out, npz)
    from lunette.uses.interpolate import interpolate

    sheet = interpolate(run, points, steps=steps, walk=walk, label=label, checkpoint=checkpoint)
    show(sheet, run, "interpolate", out, npz)


def manifold(
    run: RunPath,
    n: Annotated[int, arg(help="pictures on each side of the map")] = 15,
    dimensions: Annotated[
        tuple[int, int] | None, arg(help="of the code; by default its two, or the first two principal axes")
    ] = None,
    label: LabelName = None,
    checkpoint: Checkpoint = "last",
    out: Out = None,
    npz: Npz = None,
) -> None:
    """Draw the map of a latent plane: what is decoded at each point of it."""
    check_place(run, out, npz)
    from lunette.uses.manifold import manifold

    show(manifold(run, n, dimensions=dimensions, label=label, checkpoint=checkpoint), run, "manifold", out, npz)


def latents(
    run: RunPath,
    images: OwnImages = None,
    label: LabelName = None,
    checkpoint: Checkpoint = "last",
    out: Out = None,
    npz: Npz = None,
    processes: Processes = None,
) -> None:
    """Plot the codes of pictures, and write them to an .npz."""
    check_place(run, out, npz)
    from lunette.uses.latents import latents

    show(latents(run, images, label=label, checkpoint=checkpoint, processes=processes), run, "latents", out, npz)
