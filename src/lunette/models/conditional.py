"""A conditional distribution: a head on a network. Encoder and decoder are both this."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributions import Distribution

from lunette.heads import Head


class Conditional(nn.Module):
    """p(out | in): the distribution that `head` makes of the features of `network`."""

    def __init__(self, network: nn.Module, head: Head) -> None:
        super().__init__()
        self.network = network
        self.head = head

    def forward(self, x: Tensor, y: Tensor | None = None) -> Distribution:
        """Return p(out | x), or p(out | x, y) where the network takes labels."""
        features = self.network(x) if y is None else self.network(x, y)
        return self.head(features)
