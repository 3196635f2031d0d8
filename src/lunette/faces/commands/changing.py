"""Verbs that change pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from lunette.faces.commands.shared import Checkpoint, LabelName, Npz, RunPath, Seed, archive, show

if TYPE_CHECKING:
    from lunette.uses.denoise import Mended
    from lunette.uses.inpaint import Inpainted

SomeImages = Annotated[
    Positional[str | None],
    arg(help="your own: a picture, or any source of them; by default test pictures", metavar="IMAGES"),
]
OutFolder = Annotated[
    Path | None,
    arg(aliases=["-o"], help="folder to write each picture to; by default only a sheet in the run's pictures/"),
]


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

    check_out(out)
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

    check_out(out)
    filled = python.inpaint(
        run, images, mask=mask, draws=draws, steps=steps, label=label, seed=seed, checkpoint=checkpoint
    )
    written(filled, run, "inpaint", out, npz)


def check_out(out: Path | None) -> None:
    """Raise LunetteError where pictures cannot be written to the folder `out`, before any work."""
    from lunette.uses.picture_folder import check_free

    if out is not None:
        check_free(out)


def written(result: Mended | Inpainted, run: Path, verb: str, out: Path | None, npz: Path | None) -> None:
    """Write the pictures to the folder `out`, or else a sheet to the run, and print where, and what they are."""
    print(result)
    if out is None:
        show(result, run, verb, None, npz)
        return
    print(result.save_folder(out))
    if npz:
        print(result.save(archive(npz)))
