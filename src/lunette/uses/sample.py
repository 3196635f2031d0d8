"""New images, drawn from the prior."""

from __future__ import annotations

import math

import torch

from lunette.errors import LunetteError
from lunette.models import LatentModel
from lunette.randomness import reseed
from lunette.runs import FittedPrior, Run
from lunette.uses.passes import AnyRun, decode, open_run
from lunette.uses.sheet import Sheet

Label = str | int


def sample(
    run: AnyRun,
    n: int = 64,
    *,
    prior: str | None = None,
    label: Label | None = None,
    seed: int = 0,
    temperature: float = 1.0,
    checkpoint: str = "last",
) -> Sheet:
    """Draw n codes from the prior and show the mean image of each.

    The prior is the model's own, or the newest fitted one where it has none; `prior` asks for the fitted one of that
    kind, and `label` for codes of one label, where the fitted prior tells them apart. `temperature` multiplies the
    codes' deviation from the prior's mean (of a fitted prior: the noise that its codes are made of): below 1 images
    are more typical and less various. Raises LunetteError where there is no such prior or label, and for a prior
    that was fitted to the codes of another checkpoint.
    """
    opened = open_run(run)
    name = opened.checkpoints.load(checkpoint)[0]
    model = opened.model(name)
    fitted = None if prior is None and model.prior is not None else fitted_prior(opened, prior, name)
    return sample_model(model, n, seed, temperature, fitted, label)


def fitted_prior(run: Run, kind: str | None, checkpoint: str) -> FittedPrior:
    """Return the fitted prior called `kind` (or the newest) of the codes of `checkpoint`, called by its number."""
    prior = run.priors.load(kind)
    if prior.checkpoint_sha256 != run.checkpoints.sha256(checkpoint):
        raise LunetteError(
            f"the {prior.kind} prior in {run.path} was fitted to the codes of checkpoint {prior.checkpoint}, not of "
            f"{checkpoint}: fit it anew with lunette fit-prior {run.path} --kind {prior.kind} --checkpoint {checkpoint}"
        )
    return prior


def sample_model(
    model: LatentModel,
    n: int,
    seed: int = 0,
    temperature: float = 1.0,
    fitted: FittedPrior | None = None,
    label: Label | None = None,
) -> Sheet:
    """Do what `sample` does, with a model and the fitted prior, if that is to be drawn from, at hand."""
    if n < 1 or not 0 <= temperature < math.inf:
        raise LunetteError(f"n must be at least 1, not {n}, and temperature 0 or more, not {temperature}")
    if label is not None and fitted is None:
        raise LunetteError("this model knows no labels; a prior that does can be fitted: --kind flow-matching")
    with torch.random.fork_rng(), torch.inference_mode():
        reseed(seed, "sample")
        codes = fitted.draw(n, label, temperature) if fitted else model.draw(n, temperature=temperature)
    return Sheet(decode(model, codes), columns=math.ceil(math.sqrt(n)))
