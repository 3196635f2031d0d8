"""What all fitted densities share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from lunette.heads import positive
from lunette.progress import Progress


@dataclass(frozen=True)
class CodeSet:
    """The codes of N pictures, K posterior draws of each."""

    z: Tensor  # (K, N, D)
    y: Tensor | None = None  # labels of the pictures (N,)


class Density(nn.Module):
    """A density of codes z (N, D), fitted after training: abstract.

    `labels` is the number of labels that it tells apart, 0 where it has one density for all. `measure` is the name
    of what `loss` returns.
    """

    measure = "negative_log_density"

    def __init__(self, latent: int, labels: int = 0) -> None:
        super().__init__()
        positive("latent", latent)
        self.latent = latent
        self.labels = labels

    def fit(self, codes: CodeSet, held_out: CodeSet, seed: int) -> Iterator[Progress]:
        """Fit it to `codes`; iterate to make it happen. `held_out` may decide when it is best.

        The same seed gives the same density. It moves torch's global generators.
        """
        raise NotImplementedError

    def sample(self, n: int, y: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        """Draw n codes (n, D), of labels y (n,) where it tells them apart; `temperature` multiplies the noise."""
        raise NotImplementedError

    def loss(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what fitting lowers, (N,) for codes z (N, D): −log p(z) in nats where there is one."""
        raise NotImplementedError
