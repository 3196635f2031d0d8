"""Images in place of a run's own, where its data cannot be read on this machine."""

from __future__ import annotations

import warnings
from typing import Literal

import torch

from lunette.compute.coding import decode, device_of
from lunette.errors import LunetteWarning
from lunette.images import Images
from lunette.randomness import reseed
from lunette.runs.trained import OfRun, Trained

DRAWN = 500


def warn_of_missing(run: OfRun, instead: str) -> None:
    """Warn of what there is `instead` of what needs the data of a run, and say why that cannot be read."""
    warnings.warn(f"{instead}: {run.missing_data}", LunetteWarning, stacklevel=3)


def split_or_drawn(trained: Trained, split: Literal["train", "test"]) -> Images:
    """Return a split of the run's data or, where that is not here, images drawn from the model, as a warning says.

    Raises LunetteError where there is neither.
    """
    run, model, names = trained.run, trained.model, trained.label_names
    if not run.missing_data or model.prior is None:
        return trained.pictures(split=split)
    y = torch.arange(DRAWN) % model.labels if model.labels else None
    with torch.random.fork_rng(), torch.inference_mode():
        reseed(0, "sample")
        codes = model.draw(DRAWN, None if y is None else y.to(device_of(model)))
    pixels = torch.from_numpy(decode(model, codes, y)).mul(255).round().to(torch.uint8)
    warn_of_missing(run, "images drawn from the model stand in for its data")
    return Images(pixels, y, names if y is not None else ())
