"""New images, drawn from the prior."""

from __future__ import annotations

import math

import torch

from lunette.errors import LunetteError
from lunette.models import LatentModel
from lunette.randomness import reseed
from lunette.uses.passes import AnyRun, decode, open_run
from lunette.uses.sheet import Sheet


def sample(run: AnyRun, n: int = 64, *, seed: int = 0, temperature: float = 1.0, checkpoint: str = "last") -> Sheet:
    """Draw n codes from the prior and show the mean image of each.

    `temperature` multiplies the codes' deviation from the prior's mean: below 1 images are more typical and
    less various. Raises LunetteError for a model without a prior.
    """
    return sample_model(open_run(run).model(checkpoint), n, seed, temperature)


def sample_model(model: LatentModel, n: int, seed: int = 0, temperature: float = 1.0) -> Sheet:
    """Do what `sample` does, with a model at hand."""
    if n < 1 or not 0 <= temperature < math.inf:
        raise LunetteError(f"n must be at least 1, not {n}, and temperature 0 or more, not {temperature}")
    with torch.random.fork_rng(), torch.inference_mode():
        reseed(seed, "sample")
        codes = model.draw(n, temperature=temperature)
    return Sheet(decode(model, codes), columns=math.ceil(math.sqrt(n)))
