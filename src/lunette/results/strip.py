"""Pictures, and beside each what is made of it step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lunette.results.blocks import Block, Table
from lunette.results.result import Pictured
from lunette.results.sheet import Sheet


@dataclass(frozen=True, repr=False)
class Strip(Pictured):
    """R pictures, a row each: the original, and what is made of it at each of S strengths."""

    originals: NDArray[np.float32]  # (R, C, H, W) in [0, 1]
    images: NDArray[np.float32]  # (R, S, C, H, W) in [0, 1]
    strengths: tuple[float, ...]
    along: tuple[str, ...] = ()  # what the codes were moved along: one for all rows, or one each
    changes: Mapping[str, Sequence[float]] = field(default_factory=dict)  # at each strength, by name
    measured: int = 0  # pictures that the changes are means of

    def __repr__(self) -> str:
        return f"Strip({len(self.images)} rows, strengths {self.strengths[0]:g} to {self.strengths[-1]:g})"

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return originals, edited pictures and strengths, and the changes by their names."""
        changes = {name: np.array(values) for name, values in self.changes.items()}
        own = {"originals": self.originals, "images": self.images, "strengths": np.array(self.strengths)}
        return own | changes

    def blocks(self) -> Iterator[Block]:
        """Yield what the rows were moved along, and what changed at each strength."""
        for row, along in enumerate(self.along, 1):
            yield f"row {row}  {along}" if len(self.along) > 1 else along
        if self.changes:
            rows = tuple((what, *(f"{value:.2f}" for value in values)) for what, values in self.changes.items())
            headings = ("strength", *(f"{strength:g}" for strength in self.strengths))
            columns = tuple(range(1, len(headings)))
            yield Table(rows, headings, f"mean over {self.measured} pictures", columns)

    def picture(self) -> Image.Image:
        """Return the rows below one another."""
        cells = np.concatenate([self.originals[:, None], self.images], axis=1)
        headings = (
            "original",
            *(f"{strength:+.2g}".replace("-", "−") if strength else "0" for strength in self.strengths),
        )
        names = self.along if len(self.along) > 1 else ()
        return Sheet(cells.reshape(-1, *cells.shape[2:]), cells.shape[1], headings, names).picture()

    def frames(self) -> list[Image.Image]:
        """Return a picture a strength with all rows' images in it, to and fro."""
        if len(self.images) == 1:
            return Sheet(self.images[0], columns=1).frames()
        columns = math.ceil(math.sqrt(len(self.images)))
        frames = [Sheet(self.images[:, i], columns).picture() for i in range(len(self.strengths))]
        return frames + frames[-2:0:-1]
