"""The Hamiltonian VAE."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from lunette.codes import Leapfrog, Tempering
from lunette.images import Shape
from lunette.models import Autoencoder, Hamiltonian
from lunette.objectives import distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Variational


@recipe
def hvae(
    shape: Shape,
    parts: Variational = Variational(),
    steps: Annotated[int, "leapfrog steps from the encoder's draw; 0 leaves a VAE"] = 3,
    tempering: Annotated[Tempering, "how the momentum cools: on a fixed curve, or freely at each step"] = "fixed",
) -> Recipe:
    """VAE whose codes take leapfrog steps towards the true posterior (Caterini et al., NeurIPS 2018)."""
    plain = parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight})
    assert isinstance(plain.model, Autoencoder)
    leapfrog = Leapfrog(parts.latent, steps, tempering) if steps else None
    return replace(plain, model=Hamiltonian(plain.model, leapfrog))
