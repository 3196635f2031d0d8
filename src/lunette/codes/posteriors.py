"""The posteriors by name."""

from __future__ import annotations

from lunette.codes.curved.ball import BallHead
from lunette.codes.curved.sphere import SphereHead
from lunette.codes.flows.masked import AutoregressiveHead
from lunette.codes.flows.planar import PlanarHead, RadialHead
from lunette.codes.full import FullNormalHead
from lunette.codes.head import CodeHead
from lunette.codes.normal import NormalHead
from lunette.specs import read_spec

POSTERIORS: dict[str, type[CodeHead]] = {
    "normal": NormalHead,
    "full": FullNormalHead,
    "planar": PlanarHead,
    "radial": RadialHead,
    "iaf": AutoregressiveHead,
    "sphere": SphereHead,
    "ball": BallHead,
}


def code_head(spec: str, latent: int) -> CodeHead:
    """Return the posterior that `spec` names, as NAME or NAME:NUMBER, for codes of `latent` (D) dimensions.

    `normal` (diagonal), `full`; `planar:8`, `radial:8`, `iaf:2` with that many steps; `sphere` and
    `ball:1.0`, of that curvature, for priors of the same name. Raises LunetteError for an
    unknown name, and for a number that is missing, needless or less than 1.
    """
    head, number = read_spec("posterior", spec, POSTERIORS)
    return head(latent, *number)
