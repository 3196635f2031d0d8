"""The normal distribution of codes with all covariances."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, register_kl

from lunette.codes.head import CodeHead
from lunette.codes.posteriors import POSTERIORS
from lunette.heads import single
from lunette.randomness import noise

Size = torch.Size | tuple[int, ...]


@POSTERIORS.register("full")
class FullNormalHead(CodeHead):
    """Features (…, D + D(D+1)/2) → N(mean, L Lᵀ) with L lower triangular, its diagonal positive.

    The features are the D means, the D logarithms of the diagonal of L, and what lies below it, row by row.
    """

    below: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__(latent, features=latent + latent * (latent + 1) // 2)
        self.register_buffer("below", torch.tril_indices(latent, latent, -1), persistent=False)

    def forward(self, features: Tensor) -> FullNormal:
        """(…, D + D(D+1)/2) → batch (…), event (D)."""
        D = self.latent
        mean, log_diagonal, below = single(features).split([D, D, D * (D - 1) // 2], dim=-1)
        factor = torch.diag_embed(log_diagonal.exp())
        factor[..., self.below[0], self.below[1]] = below
        return FullNormal(mean, scale_tril=factor, validate_args=False)


class FullNormal(MultivariateNormal):
    """N(mean, L Lᵀ) of the codes of N images, batch (N): `rsample` draws what belongs to their places."""

    def rsample(self, sample_shape: Size = ()) -> Tensor:  # type: ignore[override]
        """Return mean + L ε, (*sample_shape, N, D)."""
        ε = noise(torch.randn, self._extended_shape(torch.Size(sample_shape)), self.loc, batch_dim=-2)
        # No matrix product: where those are of bfloat16, the code would not be the one that ε makes.
        return self.loc + (self.scale_tril * ε.unsqueeze(-2)).sum(-1)


@register_kl(FullNormal, Independent)  # type: ignore[untyped-decorator]
def _kl_full_diagonal(q: FullNormal, p: Independent[Distribution]) -> Tensor:
    """KL = ½ (‖S⁻¹L‖² + ‖S⁻¹(m − μ)‖² − D) − Σ log diag(S⁻¹L) for q = N(m, L Lᵀ) and p = N(μ, S²), S diagonal."""
    if not isinstance(p.base_dist, Normal):
        raise NotImplementedError
    factor = q.scale_tril / p.stddev.unsqueeze(-1)
    shift = (q.mean - p.mean) / p.stddev
    squares = factor.square().sum((-2, -1)) + shift.square().sum(-1) - shift.shape[-1]
    return squares / 2 - factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
