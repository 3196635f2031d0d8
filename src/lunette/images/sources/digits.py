"""Scikit-learn's scanned digits: 1,797 pictures of 8×8 pixels, which every installation has."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from lunette.images.sets import Images, Parts
from lunette.images.sources.source import NamedSource, no_options, source

WHITE = 16  # the data's own largest value


def digits() -> Images:
    """Return the digits (1797, 1, 8, 8) with their labels; values 0..16 become 0..255."""
    # Its file is read without its package, whose import takes a second.
    package = find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    rows = np.loadtxt(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    pixels = np.round(rows[:, :-1] * (255 / WHITE)).astype(np.uint8).reshape(-1, 1, 8, 8)
    labels = torch.from_numpy(rows[:, -1].astype(np.int64))
    return Images(torch.from_numpy(pixels), labels, tuple("0123456789"))


@source
class Digits(NamedSource):
    """The set `digits`."""

    name = help = "digits"

    def images(self, options: str) -> Parts:  # noqa: D102
        no_options(self.name, options)
        return Parts(digits())
