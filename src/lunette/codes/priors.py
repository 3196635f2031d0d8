"""The priors by name."""

from __future__ import annotations

from torch import nn

from lunette.codes.prior import Prior
from lunette.heads import positive
from lunette.images import Shape
from lunette.specs import Registry

PRIORS: Registry[type[Prior]] = Registry("prior")


def make_prior(spec: str, latent: int, encoder: nn.Module, shape: Shape, labels: int = 0) -> Prior:
    """Return the prior that `spec` names, for codes of `latent` (D) dimensions.

    `normal`; `mixture:10` and `vamp:100` with that many components, `flow:3` with that many maps; `label`, a
    normal for each of the `labels` of a conditional model; `sphere` and `ball:1.0` for posteriors of that name.
    `encoder` (images of `shape` → posterior) is for `vamp`.

    Raises:
        LunetteError: the name is unknown, its number is missing, needless or less than 1, or `label` has no labels, or
            `vamp` has some.
    """
    prior, number = PRIORS.read(spec)
    positive("latent", latent)
    return prior.made(number, latent, encoder, shape, labels)
