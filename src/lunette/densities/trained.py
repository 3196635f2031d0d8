"""Densities with a network, which is trained on codes in memory.

The loop of `lunette.training` is for pictures: bytes that become floats, epochs, checkpoints to go on from. Here
a step takes a hundredth of a second, the data fits in memory many times, and the whole takes minutes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from lunette.densities.density import CodeSet, Density
from lunette.errors import Diverged
from lunette.heads import positive
from lunette.progress import Progress
from lunette.randomness import reseed

MEASURED = 50  # times that the held-out codes are looked at
SMALLEST_SCALE = 1e-3  # of the largest one: a unit that never fires must not be blown up


class TrainedDensity(Density):
    """A density of standardised codes (z − mean) / scale, whose loss Adam lowers: abstract in `loss` and `sample`."""

    mean: Tensor
    scale: Tensor
    frequency: Tensor

    def __init__(
        self, latent: int, steps: int, labels: int = 0, learning_rate: float = 1e-3, batch_size: int = 512
    ) -> None:
        super().__init__(latent, labels)
        for name, value in {"steps": steps, "learning_rate": learning_rate, "batch_size": batch_size}.items():
            positive(name, value)
        self.steps = steps
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.register_buffer("mean", torch.zeros(latent))
        self.register_buffer("scale", torch.ones(latent))
        self.register_buffer("frequency", torch.full((labels,), 1 / max(labels, 1)))  # of each label

    def fit(self, codes: CodeSet, held_out: CodeSet, seed: int) -> Iterator[Progress]:
        """Lower the mean loss by Adam with a rate that falls to 0 as half a cosine.

        What stays are the weights with the lowest loss of `held_out`. Raises Diverged where it never was finite.
        """
        z = codes.z.flatten(0, 1)
        scale = z.std(0, correction=0)
        self.mean.copy_(z.mean(0))
        self.scale.copy_(scale.clamp_min(SMALLEST_SCALE * float(scale.max()) or 1.0))
        if self.labels and codes.y is not None:
            self.frequency.copy_(torch.bincount(codes.y, minlength=self.labels) / len(codes.y))
        optimizer = torch.optim.Adam(self.parameters(), self.learning_rate, fused=True)
        best, kept = math.inf, self._weights()
        for step in range(self.steps):
            reseed(seed, "fit", step)
            optimizer.param_groups[0]["lr"] = self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2
            loss = self.loss(*self._batch(codes)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if (step + 1) * MEASURED // self.steps > step * MEASURED // self.steps:
                reseed(seed, "held out")  # the same noise each time
                with torch.no_grad():
                    now = float(self.loss(held_out.z[0], held_out.y).mean())
                if now < best:
                    best, kept = now, self._weights()
                yield Progress("fitting", step + 1, self.steps, {self.measure: now})
        if not math.isfinite(best):
            raise Diverged(f"the {self.measure.replace('_', ' ')} was never finite: fit with a lower learning_rate")
        self.load_state_dict(kept)

    def _batch(self, codes: CodeSet) -> tuple[Tensor, Tensor | None]:
        """Return a random draw of the codes of random pictures, (B, D), and their labels."""
        draws, n, _ = codes.z.shape
        index = torch.randint(n, (self.batch_size,), device=codes.z.device)
        which = torch.randint(draws, (self.batch_size,), device=codes.z.device)
        return codes.z[which, index], None if codes.y is None else codes.y[index]

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.state_dict().items()}

    def standard(self, z: Tensor) -> Tensor:
        """Codes (…, D) → standardised ones."""
        return (z - self.mean) / self.scale

    def restored(self, u: Tensor) -> Tensor:
        """Undo `standard`."""
        return self.mean + self.scale * u
