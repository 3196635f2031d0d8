"""Verbs that change pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction, arg

from lunette.faces.commands.shared import (
    Checkpoint,
    LabelName,
    Npz,
    Out,
    OwnImages,
    RunPath,
    Seed,
    check_place,
    ending,
    show,
)
from lunette.files import check_free
from lunette.names import quoted

if TYPE_CHECKING:
    from lunette.uses.denoise import Mended
    from lunette.uses.inpaint import Inpainted

With = Annotated[
    str | None,
    arg(name="with", aliases=["--to"], help="examples that have it: label:NAME, or any source of pictures"),
]
Without = Annotated[str | None, arg(aliases=["--from"], help="examples that lack it")]
Measured = Annotated[
    Literal["slant", "thickness"] | None,
    arg(help="from the training pictures of each label in which this is largest and smallest"),
]
SomeImages = Annotated[
    Positional[str | None],
    arg(help="your own: a picture, or any source of them; by default test pictures", metavar="IMAGES"),
]
OutFolder = Annotated[
    Path | None,
    arg(aliases=["-o"], help="folder to write each picture to; by default only a sheet in the run's pictures/"),
]


def edit(
    run: RunPath,
    images: OwnImages = None,
    concept: Annotated[
        UseAppendAction[tuple[str, ...]], arg(help="of the run's own; NAME:WEIGHT for less, and several for their sum")
    ] = (),
    with_: With = None,
    without: Without = None,
    measure: Measured = None,
    dimension: Annotated[
        tuple[int, ...] | None,
        arg(help="of the code, 0 with the largest rate; several are a row each, and no number the first 10"),
    ] = None,
    n: Annotated[int, arg(help="pictures to show")] = 8,
    strength: Annotated[
        float | None, arg(help="of the last column, the first is as much the other way; 1.5, or 3 of a dimension")
    ] = None,
    steps: Annotated[int, arg(help="columns, beside the original")] = 7,
    label: LabelName = None,
    drift: Annotated[bool, arg(help="measure what else changes, on up to 500 pictures")] = True,
    checkpoint: Checkpoint = "last",
    out: Out = None,
    npz: Npz = None,
) -> None:
    """Change pictures along a concept, from examples or of the run, or along a dimension; --out walk.gif moves."""
    check_place(run, out, npz)
    from lunette.faces import python
    from lunette.faces.tables import strip_table

    strip = python.edit(
        run,
        images,
        concept=concept or None,
        with_=with_,
        without=without,
        measure=measure,
        dimension=dimension,
        n=n,
        strength=strength,
        steps=steps,
        label=label,
        drift=drift,
        checkpoint=checkpoint,
    )
    strip_table(strip)
    show(strip, run, "edit", out, npz)


def concept_add(
    run: RunPath,
    name: Annotated[Positional[str], arg(help="to keep it under", metavar="NAME")],
    with_: With = None,
    without: Without = None,
    measure: Measured = None,
    label: LabelName = None,
    checkpoint: Checkpoint = "last",
) -> None:
    """Keep a direction of a run's codes under a name: lunette concept add RUN smile --with A/ --without B/."""
    from lunette.faces import python
    from lunette.faces.tables import concept_table

    how: dict[str, Any] = {"with_": with_, "without": without, "measure": measure, "label": label}
    concept_table([python.add_concept(run, name, checkpoint=checkpoint, **how)])
    print(f"edit along it with lunette edit {quoted(run)} --concept {name}")


def concept_list(run: RunPath) -> None:
    """List the concepts of a run: lunette concept list RUN."""
    from lunette.faces.tables import concept_table
    from lunette.uses.concepts import concepts

    found = concepts(run)
    concept_table(found)
    if not found:
        print(f"{run} has no concepts yet: lunette concept add {quoted(run)} NAME --with FOLDER --without FOLDER")


def denoise(
    run: RunPath,
    images: SomeImages = None,
    clean: Annotated[str | None, arg(help="the same pictures undamaged, with the same names: tells the PSNR")] = None,
    noise: Annotated[
        Literal["normal", "masking", "salt-and-pepper"] | None,
        arg(help="damage the pictures first; test pictures always are, by default as the run learned to mend"),
    ] = None,
    level: Annotated[float | None, arg(help="of the noise: its deviation, or its share of pixels; default 0.3")] = None,
    label: LabelName = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    out: OutFolder = None,
    npz: Npz = None,
) -> None:
    """Mend damaged pictures: with a run of denoising as it learned to, else by projection on what the run draws."""
    from lunette.faces import python

    check_place(run, None, npz)
    if out:
        check_free(out)
    mended = python.denoise(
        run, images, clean=clean, noise=noise, level=level, label=label, seed=seed, checkpoint=checkpoint
    )
    written(mended, run, "denoise", out, npz)


def inpaint(
    run: RunPath,
    images: SomeImages = None,
    *,
    mask: Annotated[
        str, arg(help="a picture of the model's size, white where pixels are missing, or a box: x,y,width,height")
    ],
    draws: Annotated[int, arg(help="chains for each picture")] = 8,
    steps: Annotated[int, arg(help="of each chain")] = 200,
    label: LabelName = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    out: OutFolder = None,
    npz: Npz = None,
) -> None:
    """Fill in missing parts of pictures: what a VAE makes of the rest, by Metropolis within Gibbs.

    A plain autoencoder, whose codes have no density, projects: it encodes and decodes until the parts stay.
    """
    from lunette.faces import python

    check_place(run, None, npz)
    if out:
        check_free(out)
    filled = python.inpaint(
        run, images, mask=mask, draws=draws, steps=steps, label=label, seed=seed, checkpoint=checkpoint
    )
    written(filled, run, "inpaint", out, npz)


def written(result: Mended | Inpainted, run: Path, verb: str, out: Path | None, npz: Path | None) -> None:
    """Write the pictures to the folder `out`, or else a sheet to the run, and print where, and what they are."""
    print(result)
    if out is None:
        show(result, run, verb, None, npz)
        return
    print(result.save_folder(out))
    if npz:
        print(result.save(ending(npz, ".npz")))
