"""The autoencoder of several importance bounds."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import MultipleBound
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Groups, Sampled, Samples, in_groups


@recipe
def miwae(shape: Shape, parts: Sampled = Sampled(), samples: Samples = 16, groups: Groups = 4) -> Recipe:
    """IWAE of the mean of several bounds, for an encoder's gradient of less noise (Rainforth et al., ICML 2018)."""
    return parts.recipe(shape, {MultipleBound(in_groups(samples, groups)): 1.0}, samples)
