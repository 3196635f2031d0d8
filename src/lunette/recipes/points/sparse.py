"""The sparse autoencoder."""

from __future__ import annotations

from typing import Annotated

from torch import nn

from lunette.images import Shape
from lunette.objectives import Sparsity, distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Deterministic


@recipe
def sparse(
    shape: Shape,
    parts: Deterministic = Deterministic(),
    target: Annotated[float, "mean activation that each unit of the code is drawn to"] = 0.05,
    weight: Annotated[float, "weight of the sparsity term"] = 1.0,
) -> Recipe:
    """Sparse autoencoder: few units of its code are active at a time (Ng, CS294A notes 2011)."""
    return parts.recipe(shape, {distortion: 1, Sparsity(target): weight}, activation=nn.Sigmoid())
