"""Codes that are entries of codebooks: the posterior of a vector-quantised autoencoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lunette.codes.dirac import Dirac
from lunette.codes.discrete.tokens import TokenHead
from lunette.codes.head import wide
from lunette.heads import positive, single


class Codebooks(nn.Module):
    """L codebooks of K entries (d), (L, K, d); each one codes what those before it left of a vector.

    `usage` (L, K) is the recent share of vectors that chose an entry: 0 at first, when none is in use. Entries
    that are not `learned` by gradient stand still but for what `CodeUsage` does to them.
    """

    usage: Tensor

    def __init__(self, entries: int, size: int, levels: int = 1, learned: bool = True) -> None:
        super().__init__()
        for name, value in (("latent", size), ("entries", entries), ("levels", levels)):
            positive(name, value)
        first = torch.empty(levels, entries, size).uniform_(-1 / entries, 1 / entries)
        self.entries = nn.Parameter(first, requires_grad=learned)
        self.register_buffer("usage", torch.zeros(levels, entries))

    @torch.no_grad()
    def nearest(self, x: Tensor) -> Tensor:
        """Vectors (…, d) → in each codebook the index of the entry nearest to what is left, (…, L)."""
        indices, x = [], wide(x)
        # In float64, whose products are never of bfloat16: the same entry in training and after.
        for entries in wide(self.entries):
            far = entries.square().sum(-1) - 2 * x @ entries.T  # ‖x − e‖² but for ‖x‖²
            indices.append(far.argmin(-1))
            x = x - entries[indices[-1]]
        return torch.stack(indices, -1)

    def forward(self, indices: Tensor) -> Tensor:
        """Indices (…, L) → the entries they name, (…, L, d)."""
        return self.entries[torch.arange(len(self.entries), device=indices.device), indices]


class Quantised(Dirac):
    """A point: vectors `encoded` (…, P, d) replaced by sums of their nearest entries, as one code of D = P·d numbers.

    The gradient goes straight through to `encoded`, as if nothing were replaced (van den Oord et al., NeurIPS 2017).
    """

    def __init__(self, encoded: Tensor, books: Codebooks) -> None:
        self.books = books
        self.indices = books.nearest(encoded)  # (…, P, L)
        self.chosen = books(self.indices)  # (…, P, L, d)
        # What each level is to code, (…, P, L, d): the first all, each other one what those before it left.
        self.left = encoded[..., None, :] - (self.chosen.cumsum(-2) - self.chosen).detach()
        straight = encoded - encoded.detach()  # 0, with the gradient of the vectors
        super().__init__((self.chosen.sum(-2).detach() + straight).flatten(-2))


class QuantisedHead(TokenHead):
    """Features (…, P·d) → at each of P positions a sum of entries of `books`."""

    def __init__(self, positions: int, books: Codebooks) -> None:
        positive("positions", positions)
        levels, entries, size = books.entries.shape
        super().__init__(positions, levels, entries, latent=positions * size, features=positions * size)
        self.books = books

    def embed(self, indices: Tensor) -> Tensor:
        """Indices (…, P, L) → sums of the entries that they name, (…, D)."""
        return self.books(indices).sum(-2).flatten(-2)

    def forward(self, features: Tensor) -> Quantised:
        """(…, P·d) → batch (…), event (D) with D = P·d."""
        return Quantised(single(features).unflatten(-1, (self.positions, -1)), self.books)
