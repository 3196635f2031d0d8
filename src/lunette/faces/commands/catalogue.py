"""Verbs that say what there is: recipes, data, this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from lunette.faces.commands.shared import Channels, Fit, Frames, Processes, Range, Size, has_last_word


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
        Positional[str], arg(help="digits, moons, shapes, mnist, fashion-mnist, a folder, .npz, .npy, IDX, a pack")
    ],
    size: Size = None,
    fit: Fit = "crop",
    channels: Channels = None,
    range: Range = None,  # noqa: A002
    frames: Frames = "first",
    out: Annotated[Path | None, arg(aliases=["-o"], help="the contact sheet; by default contact-sheet.png")] = None,
) -> None:
    """Look at a source of pictures: a summary and a contact sheet; or pack it: lunette data pack SOURCE -o FOLDER."""
    from lunette.faces.tables import facts_table
    from lunette.uses.data import data, place_of_sheet
    from lunette.uses.shown import check_name

    place = out or place_of_sheet(source)
    check_name(place)
    facts, sheet = data(source, size=size, fit=fit, channels=channels, range=range, frames=frames)
    facts_table({source: facts})
    print(sheet.save(place))


def pack(
    source: Annotated[Positional[str], arg(help="any source of pictures, also .tar files (webdataset)")],
    out: Annotated[Path, arg(aliases=["-o"], help="folder to write, which is then a source itself")],
    size: Size = None,
    fit: Fit = "crop",
    channels: Channels = None,
    range: Range = None,  # noqa: A002
    frames: Frames = "first",
    encoded: Annotated[bool, arg(help="keep picture files as they are: smaller, and slower to read")] = False,
    processes: Processes = None,
) -> None:
    """Write a source as a pack, which may be larger than memory: training reads it from the disk."""
    from lunette.faces import python
    from lunette.faces.tables import facts_table

    how = {"size": size, "fit": fit, "channels": channels, "range": range, "frames": frames}
    facts = python.pack(source, out, encoded=encoded, processes=processes, **how)  # type: ignore[arg-type]
    if has_last_word():
        facts_table({str(out): facts})


def doctor() -> None:
    """Say what this machine offers: versions, threads, GPU used or why not, precision, data."""
    from lunette.faces.tables import facts_table
    from lunette.uses.doctor import doctor

    facts_table(doctor())
