"""Densities that are fitted to the codes of a trained model, whose weights they leave as they are."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from lunette.densities.density import CodeSet, Density
from lunette.densities.flow import Flow
from lunette.densities.flow_matching import FlowMatching
from lunette.densities.gaussian import Gaussian
from lunette.densities.mixture import Mixture
from lunette.densities.two_stage import TwoStage
from lunette.errors import unknown

__all__ = [
    "KINDS",
    "CodeSet",
    "Density",
    "Flow",
    "FlowMatching",
    "Gaussian",
    "Mixture",
    "TwoStage",
    "density_arguments",
    "make_density",
]

KINDS: dict[str, type[Density]] = {
    "gaussian": Gaussian,
    "mixture": Mixture,
    "flow": Flow,
    "two-stage": TwoStage,
    "flow-matching": FlowMatching,
}
FROM_CODES = ("latent", "labels")  # what the codes say, and nobody need


def density_arguments(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments of a density called `kind`, those `given` in place of the defaults.

    Raises LunetteError for an unknown kind, and for an argument that it does not have.
    """
    if kind not in KINDS:
        raise unknown("kind of prior", kind, KINDS)
    parameters = inspect.signature(KINDS[kind]).parameters
    defaults = {name: p.default for name, p in parameters.items() if name not in FROM_CODES}
    for name in given:
        if name not in defaults:
            raise unknown(f"argument of a {kind} prior", name, defaults)
    return {**defaults, **given}


def make_density(kind: str, latent: int, labels: int, arguments: Mapping[str, Any]) -> Density:
    """Return an unfitted density of codes (D = `latent`), of pictures with so many labels (0: none are known)."""
    from_codes = dict(zip(FROM_CODES, (latent, labels), strict=True))
    known = inspect.signature(KINDS[kind]).parameters
    return KINDS[kind](**{name: value for name, value in from_codes.items() if name in known}, **arguments)
