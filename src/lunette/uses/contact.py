"""A look at a source of pictures."""

from __future__ import annotations

import torch

from lunette.images import Data, DataSettings, load
from lunette.training import to_float
from lunette.uses.sheet import Sheet

SHOWN = 80
COLUMNS = 10


def contact(source: Data, settings: DataSettings) -> tuple[dict[str, object], Sheet]:
    """Return facts about a source, and a sheet of pictures spread evenly over its training split."""
    data = load(source, settings)
    pixels = data.train.pixels
    facts = dict(data.facts) | {
        "shape": " × ".join(map(str, data.train.shape)),
        "pixel values": f"{int(pixels.min())} to {int(pixels.max())}, mean {float(pixels.float().mean()):.1f}",
    }
    if data.train.labels is not None:
        counts = torch.bincount(data.train.labels, minlength=len(data.train.label_names)).tolist()
        facts["labels"] = ", ".join(f"{n} {c}" for n, c in zip(data.train.label_names, counts, strict=True))
    if data.train.factors:
        facts["factors"] = ", ".join(f"{n} {v.min():.2f} to {v.max():.2f}" for n, v in data.train.factors.items())
    index = torch.linspace(0, len(pixels) - 1, min(SHOWN, len(pixels))).long()
    return facts, Sheet(to_float(pixels[index]).numpy(), columns=COLUMNS)
