"""A network that reads a sequence of indices and says what comes next."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH, HEADS, LAYERS = 64, 4, 2  # 100,000 weights, beside those of the indices


class Causal(nn.Module):
    """A transformer (Vaswani et al., NeurIPS 2017) of 2 layers of width 64 and 4 heads over `length` (T) indices.

    Index t is one of `entries` (K), and belongs to vocabulary t mod `levels`.
    """

    def __init__(self, length: int, entries: int, levels: int = 1) -> None:
        super().__init__()
        self.length = length
        self.entries = entries
        self.levels = levels
        self.embedding = nn.Embedding(levels * entries, WIDTH)
        self.places = nn.Parameter(0.02 * torch.randn(length, WIDTH))
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 4 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.body = nn.TransformerEncoder(layer, LAYERS, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.logits = nn.Linear(WIDTH, entries)

    def forward(self, indices: Tensor) -> Tensor:
        """The first t < T indices (N, t) → logits of the first t + 1, (N, t + 1, K), each of those before it."""
        vocabulary = torch.arange(indices.shape[1], device=indices.device) % self.levels
        before = self.embedding(indices + self.entries * vocabulary)
        x = nn.functional.pad(before, (0, 0, 1, 0)) + self.places[: indices.shape[1] + 1]
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], x.device)
        return self.logits(self.body(x, mask, is_causal=True))
