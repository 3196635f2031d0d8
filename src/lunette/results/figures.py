"""Plots as pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 120


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG."""
    data = io.BytesIO()
    figure.savefig(data, dpi=DPI)
    return data.getvalue()


def picture(figure: Figure) -> Image.Image:
    """Return a figure as a picture."""
    return Image.open(io.BytesIO(png(figure))).convert("RGB")
