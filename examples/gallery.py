"""Where the examples put what they make: docs/pictures, and lines of numbers on the terminal."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import lunette
from lunette.results.sheet import Sheet

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"


def trained(recipe: str, data: str = "mnist", **settings: Any) -> lunette.Run:
    """Train in a folder that nobody needs afterwards, without pictures on the way."""
    folder = Path(tempfile.mkdtemp(prefix="lunette-example-")) / "run"
    return lunette.train(recipe, data, out=folder, pictures=0, progress=False, **settings)


def stacked(*sheets: Sheet, columns: int) -> Sheet:
    """Return the images of several sheets on one, in rows of `columns`."""
    return Sheet(np.concatenate([sheet.images for sheet in sheets]), columns)


def keep(sheet: Sheet, name: str) -> None:
    """Write a picture for the docs."""
    PICTURES.mkdir(exist_ok=True)
    print(f"  picture: {sheet.save(PICTURES / name)}")
