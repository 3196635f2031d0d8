"""The VAE whose rate is let in slowly, once or in cycles."""

from __future__ import annotations

from typing import Annotated

from lunette.images import Shape
from lunette.objectives import Cyclical, distortion, rate
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Beta, Sampled


@recipe
def annealed_vae(
    shape: Shape,
    parts: Sampled = Sampled(),
    beta: Beta = 1.0,
    annealing: Annotated[float, "epochs over which the weight of the rate rises to beta"] = 10.0,
    cycles: Annotated[int, "how often it starts anew from 0 within them"] = 1,
    rise: Annotated[float, "share of a cycle in which it rises; in the rest it stays"] = 1.0,
) -> Recipe:
    """VAE whose β rises from 0, once (Bowman et al., CoNLL 2016) or in cycles (Fu et al., NAACL 2019)."""
    return parts.recipe(shape, {distortion: 1.0, rate: Cyclical(beta, annealing, cycles, rise)})
