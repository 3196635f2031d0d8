"""The posteriors by name."""

from __future__ import annotations

from lunette.codes.head import CodeHead
from lunette.specs import Registry

POSTERIORS: Registry[type[CodeHead]] = Registry("posterior")


def code_head(spec: str, latent: int) -> CodeHead:
    """Return the posterior that `spec` names, for codes of `latent` (D) dimensions.

    `normal` (diagonal), `full`; `planar:8`, `radial:8`, `iaf:2` with that many steps; `sphere` and
    `ball:1.0`, of that curvature, for priors of the same name.

    Raises:
        LunetteError: the name is unknown, or its number is missing, needless or less than 1.
    """
    head, number = POSTERIORS.read(spec)
    return head(latent, *number)
