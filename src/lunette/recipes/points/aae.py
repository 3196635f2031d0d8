"""The adversarial autoencoder."""

from __future__ import annotations

from typing import Annotated

from lunette.codes import StandardNormal
from lunette.images import Shape
from lunette.objectives import CodeAdversary, distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Deterministic


@recipe
def aae(
    shape: Shape,
    parts: Deterministic = Deterministic(latent=8),
    weight: Annotated[float, "of what it costs that a critic can tell codes from draws of the prior"] = 1.0,
) -> Recipe:
    """Autoencoder whose points an adversary cannot tell from draws of the prior (Makhzani et al., 2015)."""
    return parts.recipe(shape, {distortion: 1.0, CodeAdversary(parts.latent): weight}, StandardNormal(parts.latent))
