"""The priors by name."""

from __future__ import annotations

from torch import nn

from lunette.codes.curved.ball import BallPrior
from lunette.codes.curved.sphere import SpherePrior
from lunette.codes.flows.masked import FlowPrior
from lunette.codes.mixture import MixturePrior, Vamp
from lunette.codes.normal import LabelNormal, StandardNormal
from lunette.codes.prior import Prior
from lunette.errors import LunetteError
from lunette.heads import positive
from lunette.images import Shape
from lunette.specs import read_spec

PRIORS: dict[str, type[Prior]] = {
    "normal": StandardNormal,
    "mixture": MixturePrior,
    "vamp": Vamp,
    "flow": FlowPrior,
    "label": LabelNormal,
    "sphere": SpherePrior,
    "ball": BallPrior,
}


def make_prior(spec: str, latent: int, encoder: nn.Module, shape: Shape, labels: int = 0) -> Prior:
    """Return the prior that `spec` names, as NAME or NAME:NUMBER, for codes of `latent` (D) dimensions.

    `normal`; `mixture:10` and `vamp:100` with that many components, `flow:3` with that many maps; `label`, a
    normal for each of the `labels` of a conditional model; `sphere` and `ball:1.0` for posteriors of that name.
    `encoder` (images of `shape` → posterior) is for `vamp`. Raises LunetteError for an unknown name, for a number
    that is missing, needless or less than 1, for `label` without labels, and for `vamp` with them.
    """
    prior, number = read_spec("prior", spec, PRIORS)
    positive("latent", latent)
    if prior is Vamp:
        if labels:
            raise LunetteError(
                f"the prior {spec} shows its pictures to the encoder, which wants labels, and they have none: "
                "use the prior label, or another"
            )
        return Vamp(encoder, shape, *number)
    if prior is LabelNormal:
        if not labels:
            raise LunetteError("the prior label is for models that are given labels, such as cvae: use another prior")
        return LabelNormal(latent, labels)
    return prior(latent, *number)
