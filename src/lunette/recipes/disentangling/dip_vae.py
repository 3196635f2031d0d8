"""The DIP-VAE."""

from __future__ import annotations

from typing import Annotated, Literal

from lunette.images import Shape
from lunette.objectives import Diagonal, OffDiagonal, distortion
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Terms, Variational, in_a_plane


@recipe
def dip_vae(
    shape: Shape,
    parts: Variational = Variational(latent=10),
    kind: Annotated[Literal["I", "II"], "whose covariance: of the posterior means, or of the codes"] = "II",
    off_diagonal: Annotated[float, "weight of the covariances between dimensions"] = 10.0,
    diagonal: Annotated[float, "weight of the variances' distance from 1"] = 5.0,
) -> Recipe:
    """VAE whose codes together have covariance I, as the prior has (Kumar et al., ICLR 2018)."""
    codes = kind == "II"
    in_a_plane(parts, "the covariance")
    terms: Terms = {OffDiagonal(codes): off_diagonal, Diagonal(codes): diagonal}
    return parts.recipe(shape, {distortion: 1.0, parts.rate: parts.rate_weight, **terms})
