"""The autoencoder whose halves have bounds of their own."""

from __future__ import annotations

from lunette.images import Shape
from lunette.objectives import PartialBound
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Groups, Sampled, Samples, in_groups


@recipe
def piwae(shape: Shape, parts: Sampled = Sampled(), samples: Samples = 16, groups: Groups = 4) -> Recipe:
    """IWAE's bound for the decoder and the mean of several for the encoder (Rainforth et al., ICML 2018)."""
    return parts.recipe(shape, {PartialBound(in_groups(samples, groups)): 1.0}, samples)
