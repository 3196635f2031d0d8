"""A heat map of what each dimension of a code knows of each factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lunette.results import figures
from lunette.results.result import Pictured

WRITTEN = 20  # with more dimensions than this no number fits into a cell
BRIGHT = 0.5  # cells of a higher value are written on in black


@dataclass(frozen=True, repr=False)
class InformationMap(Pictured):
    """Mutual information (D, F) of each dimension with each factor, and each factor's entropy (F,), in nats."""

    information: NDArray[np.float64]
    entropies: NDArray[np.float64]
    factors: tuple[str, ...]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return information, entropies and the factors' names."""
        return {"information": self.information, "entropies": self.entropies, "factors": np.array(self.factors)}

    def picture(self) -> Image.Image:
        """Return the map: a row a factor, a column a dimension, the share of the factor's entropy in color."""
        from matplotlib.figure import Figure  # here, so that what imports this need not wait for it

        shares = (self.information / self.entropies).T
        rows, columns = shares.shape
        size = (2.6 + 0.5 * min(columns, WRITTEN), max(2.4, 1.4 + 0.45 * rows))  # room for the label of the colors
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        cells = axes.imshow(shares, vmin=0, vmax=1, aspect="auto", cmap="viridis")
        axes.set(xlabel="dimension of the code", yticks=range(rows), yticklabels=self.factors)
        if columns <= WRITTEN:
            axes.set_xticks(range(columns))
            for (row, column), share in np.ndenumerate(shares):
                color = "black" if share > BRIGHT else "white"
                axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=color, fontsize=7)
        figure.colorbar(cells, label="share of entropy known")
        return figures.picture(figure)
