"""The Riemannian Hamiltonian VAE."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from lunette.codes import Leapfrog
from lunette.images import Shape
from lunette.models import Autoencoder, Hamiltonian, Metric
from lunette.networks import architecture
from lunette.objectives import Volume, distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Terms, Variational


@recipe
def rhvae(
    shape: Shape,
    parts: Variational = Variational(latent=10),
    steps: Annotated[int, "leapfrog steps over the metric"] = 3,
    centroids: Annotated[int, "pictures whose codes are the metric's centroids, the newest of training"] = 200,
    reach: Annotated[float, "distance from a centroid, T, at which its part of the metric is 1/e"] = 1.5,
    floor: Annotated[float, "the part of the metric, λ, that is the same everywhere"] = 0.01,
) -> Recipe:
    """VAE with a learned Riemannian metric, which its posterior and its draws follow (Chadebec et al., TPAMI 2022)."""
    terms: Terms = {distortion: 1.0, parts.rate: parts.rate_weight, Volume(): 0.0}
    plain = parts.recipe(shape, terms)
    assert isinstance(plain.model, Autoencoder)
    factors = architecture(parts.network).encoder(shape, parts.latent * (parts.latent + 1) // 2)
    metric = Metric(factors, shape, parts.latent, centroids, reach, floor)
    # Where codes lie dense G⁻¹ is large, and a step as long as without a metric would overshoot.
    leapfrog = Leapfrog(parts.latent, steps, step=0.01) if steps else None
    return replace(plain, model=Hamiltonian(plain.model, leapfrog, metric))
