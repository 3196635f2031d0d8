"""What discrete codes have in common: at each position an index, or several, of a vocabulary."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from lunette.codes.dirac import Dirac
from lunette.codes.head import CodeHead


@runtime_checkable
class Tokens(Protocol):
    """A posterior whose codes are named by `indices` (…, P, L), int64: at each of P positions one a level."""

    indices: Tensor


class TokenHead(CodeHead):
    """Features → tokens: at each of P `positions` and L `levels` an index of K `entries`; abstract in `embed`.

    A prior over the indices needs no more than this, whether entries are learned or the points of a fixed grid.
    """

    def __init__(self, positions: int, levels: int, entries: int, latent: int, features: int) -> None:
        super().__init__(latent, features)
        self.positions = positions
        self.levels = levels
        self.entries = entries

    def embed(self, indices: Tensor) -> Tensor:
        """Indices (…, P, L) → the codes (…, D) that they name."""
        raise NotImplementedError

    def forward(self, features: Tensor) -> Dirac:
        """Features (…, F) → a point that is also `Tokens`: batch (…), event (D)."""
        raise NotImplementedError
