"""A look at a source of pictures."""

from __future__ import annotations

from typing import Any

import torch

from lunette.images import Data, DataSettings, load
from lunette.training import to_float
from lunette.uses.sheet import Sheet

SHOWN = 80
COLUMNS = 10


def data(source: Data, **settings: Any) -> tuple[dict[str, object], Sheet]:
    """Return facts about a source, and a sheet of pictures spread evenly over its training split.

    `settings` are the fields of DataSettings.
    """
    loaded = load(source, DataSettings(**settings))
    pixels = loaded.train.pixels
    facts = dict(loaded.facts) | {
        "shape": " × ".join(map(str, loaded.train.shape)),
        "pixel values": f"{int(pixels.min())} to {int(pixels.max())}, mean {float(pixels.float().mean()):.1f}",
    }
    if loaded.train.labels is not None:
        counts = torch.bincount(loaded.train.labels, minlength=len(loaded.train.label_names)).tolist()
        facts["labels"] = ", ".join(f"{n} {c}" for n, c in zip(loaded.train.label_names, counts, strict=True))
    if loaded.train.factors:
        facts["factors"] = ", ".join(f"{n} {v.min():.2f} to {v.max():.2f}" for n, v in loaded.train.factors.items())
    index = torch.linspace(0, len(pixels) - 1, min(SHOWN, len(pixels))).long()
    return facts, Sheet(to_float(pixels[index]).numpy(), columns=COLUMNS)
