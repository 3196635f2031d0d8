"""What a look for strange pictures found: their scores, their quantiles and a picture of the strangest."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lunette.files import write_anew
from lunette.measures.detection import Auroc, auroc
from lunette.measures.likelihood.anomaly_scores import Score
from lunette.results.blocks import Block
from lunette.results.result import Pictured
from lunette.results.sheet import Sheet

PAIRS_A_ROW = 4
RARE = 0.99  # the quantile above which a picture is called strange
CAPTION = 14  # pixels below a pair


@dataclass(frozen=True, repr=False)
class Anomalies(Pictured):
    """How strange N pictures are: shown are the strangest, each with its number and its quantile, and what comes back.

    A quantile is the share of held-out pictures that are less strange; of pictures like those, one in a hundred is
    above 0.99. `save` writes it as a table, too, to a .csv.
    """

    by_name: Mapping[str, NDArray[np.float64]]  # every score that the model gives, (N,) each; higher is stranger
    score: Score  # what orders them
    quantiles: NDArray[np.float64]  # (N,), of that score
    held_out: str  # which pictures the quantiles are by
    held_out_pictures: int  # how many these are
    known: Mapping[str, Sequence[str]]  # the name of each picture's file, and its label, where there are any
    strange: NDArray[np.bool_] | None  # (N,), where it is known
    numbers: NDArray[np.int64]  # (N,), of the pictures in their sources, one source after the other
    strangest: NDArray[np.float32]  # (n, 2, C, H, W): the first ones in order, and what the model draws of each

    def __repr__(self) -> str:
        found = f"Anomalies({len(self.scores)} pictures by {self.score}, quantiles by {self.held_out}"
        return found + (f", auroc={self.auroc[self.score].value:.3f})" if self.auroc else ")")

    @property
    def scores(self) -> NDArray[np.float64]:
        """The score (N,) that orders them."""
        return self.by_name[self.score]

    @property
    def order(self) -> NDArray[np.intp]:
        """The places (N,) of the pictures, the strangest one's first."""
        return np.argsort(-self.scores, kind="stable")

    def verdict(self) -> str:
        """Return in words how many pictures are strange, where so many were held out that this can be said."""
        pictures, quantile = f"{len(self.scores):,} pictures by {self.score}", f"{100 * RARE:.0f} % quantile"
        if not self.held_out_pictures:
            return pictures
        if self.held_out_pictures / (self.held_out_pictures + 1) <= RARE:  # the largest that any score has
            return f"{pictures}, in their order: {self.held_out} are too few for a {quantile}"
        return f"{pictures}: {int((self.quantiles > RARE).sum()):,} above the {quantile} of {self.held_out}"

    @cached_property
    def auroc(self) -> dict[str, Auroc]:
        """How well each score tells those that are known to be strange from the others; empty where none is known."""
        return {} if self.strange is None else {name: auroc(s, self.strange) for name, s in self.by_name.items()}

    def sentence(self) -> str:
        """Return the verdict."""
        return self.verdict()

    def blocks(self) -> Iterator[Block]:
        """Yield the verdict, and how well each score tells what is known to be strange."""
        yield self.verdict()
        for score, (value, error) in self.auroc.items():
            yield f"AUROC of {score:14} {value:.4f}" + ("" if math.isnan(error) else f" ± {error:.4f}")

    def csv(self) -> str:
        """Return the table of all pictures, in their own order."""
        truth = {} if self.strange is None else {"strange": self.strange.astype(int)}
        columns: dict[str, Any] = {**self.known, **truth, **self.by_name, "quantile": self.quantiles}
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["number", *columns])
        table.writerows(zip(self.numbers.tolist(), *(np.asarray(c).tolist() for c in columns.values()), strict=True))
        return text.getvalue()

    def save(self, path: str | Path) -> Path:
        """Do what every result's does, and write the table to a .csv."""
        if Path(path).suffix.lower() != ".csv":
            return super().save(path)
        write_anew(Path(path), self.csv())
        return Path(path)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every score, the quantiles, the truth where it is known, the order, and the pairs that are shown."""
        truth = {} if self.strange is None else {"strange": self.strange}
        known = {"quantiles": self.quantiles, "numbers": self.numbers, **truth}
        return {**self.by_name, **known, "order": self.order, "images": self.strangest}

    def picture(self) -> Image.Image:
        """Return the pairs row by row, strangest first; below each are the picture's number and its quantile."""
        pairs = [Sheet(pair, columns=2).picture() for pair in self.strangest]
        width, height = pairs[0].width, pairs[0].height + CAPTION
        rows = -(-len(pairs) // PAIRS_A_ROW)
        canvas = Image.new(pairs[0].mode, (PAIRS_A_ROW * width, rows * height), "white")
        draw = ImageDraw.Draw(canvas)
        for i, (pair, place) in enumerate(zip(pairs, self.order, strict=False)):
            left, top = i % PAIRS_A_ROW * width, i // PAIRS_A_ROW * height
            canvas.paste(pair, (left, top))
            quantile = f": {self.quantiles[place]:.4f}" if self.held_out_pictures else ""
            draw.text((left + 4, top + pair.height), f"#{self.numbers[place]}{quantile}", fill="black")
        return canvas
