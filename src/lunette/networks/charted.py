"""A network that reads points of a curved space."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class Charted(nn.Module):
    """`network` on chart(z): a plain function takes each point z (…, D) of a curved space to numbers (…, D)."""

    def __init__(self, chart: Callable[[Tensor], Tensor], network: nn.Module) -> None:
        super().__init__()
        self.chart = chart
        self.network = network

    def forward(self, z: Tensor, *labels: Tensor) -> Tensor:
        """(…, D), and the labels where the network takes them → what the network makes of them."""
        return self.network(self.chart(z), *labels)
