"""A look at a source of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch

from lunette.compute import to_float
from lunette.images import Data, DataSettings, help_of_sources, is_name, load
from lunette.results.blocks import Block
from lunette.results.blocks import facts as facts_table
from lunette.results.result import Result, free_place
from lunette.results.sheet import Sheet
from lunette.signatures import Flag
from lunette.uses.verb import verb

SHOWN = 80
COLUMNS = 10


@dataclass(frozen=True)
class Look(Result):
    """Facts about a source, and a sheet of some of its pictures."""

    source: str
    facts: dict[str, object]
    sheet: Sheet

    def sentence(self) -> str:
        """Return what it is a look at."""
        return f"{self.source}: {self.facts['shape']}"

    def blocks(self) -> Iterator[Block]:
        """Yield the facts."""
        yield facts_table({self.source: self.facts})


def place_of_sheet(source: str) -> Path:
    """Return where the sheet of a source goes by default: here or, within the source itself, beside it."""
    place = Path(source).expanduser().resolve()
    within = not is_name(source) and place in (Path.cwd(), *Path.cwd().parents)
    return free_place(place.parent if within else Path(), "contact-sheet", ".png")


@verb("data", "data and machine", out="sheet", takes=(DataSettings,), without=("validation",))
def data(
    source: Annotated[Data, Flag(help_of_sources(), str, "SOURCE")],
    **settings: Any,
) -> Look:
    """Look at a source of pictures: facts, and a contact sheet.

    `settings` are the fields of DataSettings.

    Example:
        lunette data my-photos/ --size 64
    """
    loaded = load(source, DataSettings(**settings), check=False)
    pixels = loaded.train.pixels
    index = torch.linspace(0, len(pixels) - 1, min(SHOWN, len(pixels))).long()
    shown = pixels[index]
    # A pack is not read for its values: those that are shown speak for them.
    values, of = (pixels, "") if isinstance(pixels, torch.Tensor) else (shown, " of the pictures shown")
    facts = dict(loaded.facts) | {
        "shape": " × ".join(map(str, loaded.train.shape)),
        "pixel values": f"{int(values.min())} to {int(values.max())}, mean {float(values.float().mean()):.1f}{of}",
    }
    facts["range"] = "black is {:.9g}, white is {:.9g}".format(*loaded.train.span)
    if loaded.train.labels is not None:
        counts = torch.bincount(loaded.train.labels, minlength=len(loaded.train.label_names)).tolist()
        facts["labels"] = ", ".join(f"{n} {c}" for n, c in zip(loaded.train.label_names, counts, strict=True))
    if loaded.train.factors:
        facts["factors"] = ", ".join(f"{n} {v.min():.2f} to {v.max():.2f}" for n, v in loaded.train.factors.items())
    name = str(source) if isinstance(source, str | Path) else "array"
    return Look(name, facts, Sheet(to_float(shown).numpy(), columns=COLUMNS))
