"""The verbs of the command line, one function each; their docstrings are its help.

Nothing here imports torch before a verb is called: `lunette --help` answers at once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from lunette.uses.shown import Shown

RunPath = Annotated[Positional[Path], arg(help="run folder, such as runs/vae-digits-001", metavar="RUN")]
Out = Annotated[Path | None, arg(aliases=["-o"], help="picture to write; by default in the run's pictures/")]
Npz = Annotated[Path | None, arg(help="write the arrays to this .npz, too")]
Checkpoint = Annotated[str, arg(help="last, best, or a checkpoint's number")]
OwnImages = Annotated[str | None, arg(help="your own: a picture, or any source of them; by default test pictures")]
PROCESSES = "share each step among so many processes of this machine"
Processes = Annotated[int | None, arg(help="share the pictures among so many processes of this machine")]
MAX_RESTARTS = "start the processes anew so many times when one is lost"
Size = Annotated[str | None, arg(help="bring all pictures to this size: 64, or 48x64 (height x width)")]
Fit = Annotated[Literal["crop", "pad", "stretch"], arg(help="how, where the sides do not agree")]
Channels = Annotated[Literal[1, 3] | None, arg(help="1 for grey, 3 for RGB")]
Kind = Literal["gaussian", "mixture", "flow", "two-stage", "flow-matching"]
LabelName = Annotated[str | None, arg(help="what the pictures show, for a model that is told labels")]
Seed = Annotated[int, arg(help="for everything that is drawn at random")]


def train() -> None:
    """Train a recipe on pictures: lunette train [RECIPE] --data SOURCE."""


def resume(
    run: RunPath,
    epochs: Annotated[int | None, arg(help="new total, to train a finished run further")] = None,
    processes: Annotated[int | None, arg(help=PROCESSES)] = None,
    max_restarts: Annotated[int, arg(help=MAX_RESTARTS)] = 0,
) -> None:
    """Go on with an interrupted run, bit for bit, also after a kill."""
    from lunette.faces import python

    told(python.resume(run, epochs=epochs, processes=processes, max_restarts=max_restarts).path)


def fit_prior(
    run: RunPath,
    kind: Annotated[Kind, arg(help="of the density")] = "flow-matching",
    components: Annotated[int | None, arg(help="of a mixture; by default 10")] = None,
    steps: Annotated[int | None, arg(help="of training a flow, two-stage or flow-matching prior")] = None,
    draws: Annotated[int, arg(help="posterior samples of each picture's code")] = 4,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
) -> None:
    """Fit a density to a run's codes, to sample from; the trained weights stay as they are."""
    from lunette.faces import python

    given = {"components": components, "steps": steps}
    own: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    prior = python.fit_prior(run, kind, draws=draws, seed=seed, checkpoint=checkpoint, **own)
    numbers = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in prior.held_out.items())
    print(f"{prior.kind} prior of {prior.pictures:,} pictures' codes in {prior.seconds:.0f} s; held out: {numbers}")
    print(f"draw from it with lunette sample {run} --prior {prior.kind}")


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
    from lunette.uses.latents import latents

    show(latents(run, images, label=label, checkpoint=checkpoint, processes=processes), run, "latents", out, npz)


def recipes(
    name: Annotated[Positional[str | None], arg(help="of a recipe, to see only that one", metavar="NAME")] = None,
) -> None:
    """List the recipes with their papers, or say what one of them takes and can do: lunette recipes [NAME]."""
    from lunette.faces.tables import recipe_page, recipe_table

    if name is None:
        recipe_table()
    else:
        recipe_page(name)


def data(
    source: Annotated[
        Positional[str], arg(help="digits, moons, mnist, fashion-mnist, a folder, .npz, .npy, IDX, a pack")
    ],
    size: Size = None,
    fit: Fit = "crop",
    channels: Channels = None,
    out: Annotated[Path, arg(aliases=["-o"], help="the contact sheet")] = Path("contact-sheet.png"),
) -> None:
    """Look at a source of pictures: a summary and a contact sheet; or pack it: lunette data pack SOURCE -o FOLDER."""
    from lunette.faces.tables import facts_table
    from lunette.uses.data import data

    facts, sheet = data(source, size=size, fit=fit, channels=channels)
    facts_table({source: facts})
    print(sheet.save(out))


def pack(
    source: Annotated[Positional[str], arg(help="any source of pictures, also .tar files (webdataset)")],
    out: Annotated[Path, arg(aliases=["-o"], help="folder to write, which is then a source itself")],
    size: Size = None,
    fit: Fit = "crop",
    channels: Channels = None,
    encoded: Annotated[bool, arg(help="keep picture files as they are: smaller, and slower to read")] = False,
    processes: Processes = None,
) -> None:
    """Write a source as a pack, which may be larger than memory: training reads it from the disk."""
    from lunette.faces import python
    from lunette.faces.tables import facts_table

    facts = python.pack(source, out, encoded=encoded, processes=processes, size=size, fit=fit, channels=channels)
    if has_last_word():
        facts_table({str(out): facts})


def doctor() -> None:
    """Say what this machine offers: versions, threads, GPU used or why not, precision, data."""
    from lunette.faces.tables import facts_table
    from lunette.uses.doctor import doctor

    facts_table(doctor())


def show(result: Shown, run: Path, verb: str, out: Path | None, npz: Path | None) -> None:
    """Write a picture, and its arrays if asked, and print where they are; of several processes the first does."""
    from lunette.runs import Run

    if not is_first():
        return
    paths = [result.save(out or Run(run).pictures / f"{verb}.png")]
    if npz:
        paths.append(result.save(npz if npz.suffix == ".npz" else Path(f"{npz}.npz")))
    if has_last_word():
        print(*paths, sep="\n")


def told(run: Path) -> None:
    """Print where a trained run's report and pictures are."""
    if has_last_word():
        print(f"report    {run / 'report.html'}\npictures  {run / 'pictures'}")


def is_first() -> bool:
    """Return whether this is the first of several processes, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def has_last_word() -> bool:
    """Return whether this process tells how it ended: of several the first one does, or the one that launched them."""
    return is_first() and "LUNETTE_LAUNCHED" not in os.environ


VERBS = {
    verb.__name__.replace("_", "-"): verb
    for verb in (train, resume, fit_prior, sample, reconstruct, interpolate, manifold, latents, recipes, data, doctor)
}
