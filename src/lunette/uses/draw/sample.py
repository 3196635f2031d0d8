"""New images, drawn from the prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray

from lunette.compute.coding import decode, device_of
from lunette.errors import LunetteError, Unsupported
from lunette.images import Label, index_of
from lunette.models import LatentModel
from lunette.names import quoted
from lunette.randomness import reseed
from lunette.results.sheet import Sheet
from lunette.runs import FittedPrior, Trained, open_run
from lunette.signatures import Flag
from lunette.uses.verb import Checkpoint, PriorKind, RunFolder, Seed, verb


@verb("sample", "draw", out="picture")
def sample(
    run: RunFolder,
    n: Annotated[int, "pictures to draw"] = 64,
    *,
    prior: Annotated[PriorKind | None, "a fitted one; by default the model's own, or the newest fitted"] = None,
    label: Annotated[
        Label | None, Flag("draw this one, where the model or the prior is told labels", str | None)
    ] = None,
    seed: Seed = 0,
    temperature: Annotated[float, "below 1: more typical, less various"] = 1.0,
    checkpoint: Checkpoint = "last",
) -> Sheet:
    """Draw new pictures: the mean image of each of n codes from the prior.

    The prior is the model's own, or the newest fitted one where it has none; `prior` asks for the fitted one of that
    kind, and `label` for pictures of one label, where the model is told labels or the fitted prior tells them apart.
    Without one, a model that is told labels draws all of them, a column each: along a row is one style. `temperature`
    multiplies the codes' deviation from the prior's mean (of a fitted prior: the noise that its codes are made of):
    below 1 images are more typical and less various.

    Raises:
        LunetteError: where there is no such prior or label, and for a prior that was fitted to the codes of another
            checkpoint.

    Example:
        lunette sample runs/vae-mnist-001 --n 100 -o samples.png
    """
    return sample_trained(open_run(run).trained(checkpoint), n, prior, label, seed, temperature)


def sample_trained(
    trained: Trained,
    n: int = 64,
    prior: str | None = None,
    label: Label | None = None,
    seed: int = 0,
    temperature: float = 1.0,
) -> Sheet:
    """Do what `sample` does, with a checkpoint at hand."""
    fitted = prior_of(trained, prior)
    return sample_model(trained.model, n, seed, temperature, fitted, label, trained.label_names)


def prior_of(trained: Trained, kind: str | None) -> FittedPrior | None:
    """Return the fitted prior that `sample` draws from, or None for the model's own."""
    if kind is not None or trained.model.prior is None:
        return fitted_prior(trained, kind)
    check_learned(trained)
    return None


def check_learned(trained: Trained) -> None:
    """Raise LunetteError where the prior of a run learns after the rest, and had not begun to at a checkpoint."""
    run = trained.run
    recipe, place = trained.recipe, trained.state["position"]
    begun = (place["stage"], place["epoch"], place["batch"]) > (len(recipe.stages) + 1, 0, 0)
    if recipe.after and not begun:
        raise Unsupported(
            f"{run.path} trains its {recipe.after[0].name} after the rest, and had not begun to at checkpoint "
            f"{trained.name}, so it cannot draw yet: go on with lunette resume {quoted(run.path)}, or take "
            "--checkpoint last"
        )


def fitted_prior(trained: Trained, kind: str | None) -> FittedPrior:
    """Return the fitted prior called `kind` (or the newest) of the codes of a checkpoint."""
    run = trained.run
    prior = run.priors.load(kind)
    if prior.checkpoint_sha256 != trained.sha256:
        raise Unsupported(
            f"the {prior.kind} prior in {run.path} was fitted to the codes of checkpoint {prior.checkpoint}, not of "
            f"{trained.name}: fit it anew with lunette fit-prior {quoted(run.path)} --kind {prior.kind} "
            f"--checkpoint {trained.name}"
        )
    return prior


def sample_model(
    model: LatentModel,
    n: int,
    seed: int = 0,
    temperature: float = 1.0,
    fitted: FittedPrior | None = None,
    label: Label | None = None,
    names: Sequence[str] = (),
) -> Sheet:
    """Do what `sample` does, with a model at hand, whose labels are `names`, and the fitted prior to draw from."""
    if n < 1 or not 0 <= temperature < math.inf:
        raise LunetteError(f"n must be at least 1, not {n}, and temperature 0 or more, not {temperature}")

    def drawn(n: int, y: int | None, label: Label | None) -> NDArray[np.float32]:
        told = None if y is None else torch.full((n,), y, device=device_of(model))
        with torch.random.fork_rng(), torch.inference_mode():
            reseed(seed, "sample")  # for each label anew: the same noise is the same style
            codes = fitted.draw(n, label, temperature) if fitted else model.draw(n, told, temperature)
        return decode(model, codes, told)

    columns = math.ceil(math.sqrt(n))
    if not model.labels:
        if label is not None and fitted is None:
            raise LunetteError("this model knows no labels; a prior that does can be fitted: --kind flow-matching")
        return Sheet(drawn(n, None, label), columns)
    asked = [index_of(label, names)] if label is not None else range(model.labels)
    each = n if label is not None else max(1, n // model.labels)
    pictures = [drawn(each, y, names[y] if fitted and fitted.label_names else None) for y in asked]
    if label is not None:
        return Sheet(pictures[0], columns)
    blocks = max(1, round(math.sqrt(each / model.labels)))  # several styles a row, where there are few labels
    return Sheet(np.stack(pictures, axis=1).reshape(-1, *pictures[0].shape[1:]), columns=blocks * model.labels)
