"""How likely pictures are under a run."""

from __future__ import annotations

import warnings

import torch

from lunette.errors import LunetteWarning
from lunette.images import Data, Label
from lunette.measures.likelihood.bound import Evidence, evidence_model
from lunette.recipes import describe
from lunette.runs import AnyRun, open_run


def evidence(
    run: AnyRun,
    images: Data | None = None,
    *,
    label: Label | None = None,
    samples: int = 1000,
    seed: int = 0,
    checkpoint: str = "last",
) -> Evidence:
    """Return the importance bound −log 1/K Σ w on −log p(x) of the test pictures, or of `images`.

    Where pictures are binarized at random, they are so once. Of a model that is told labels it is −log p(x | y), with
    the pictures' own labels or `label`. Where that is no probability of pictures, a warning says why. Raises
    LunetteError for a model without a prior or a density of codes, and for more than 5,000 samples.
    """
    trained = open_run(run).trained(checkpoint)
    density, shown = describe(trained.recipe).density, trained.pictures(images)
    with torch.random.fork_rng():
        found = evidence_model(trained.model, shown.pixels, samples, seed, trained.y(shown, label))
    if not density:
        why = density.why_not
        text = f"the evidence of {trained.run.path} cannot be compared with that of other models: {why}"
        warnings.warn(text, LunetteWarning, stacklevel=2)
    return found
