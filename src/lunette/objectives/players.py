"""Terms that learn something of their own beside the model."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from lunette.models import LatentModel, Trace


class Adversary(nn.Module):
    """A term that is also a player: what it costs the model is `forward`, what it costs itself is `learn`.

    Training moves its parameters by an optimiser of their own after each step of the model, and saves them.
    While the model learns they stand still; while they learn the model does: `learn` detaches what it reads. `rate` is
    its learning rate as a multiple of the model's, and `betas` are those of its Adam.
    """

    rate: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)

    def forward(self, model: LatentModel, trace: Trace) -> Tensor:
        """Return the term, nats an image, (N,) or ()."""
        raise NotImplementedError

    def learn(self, model: LatentModel, trace: Trace) -> Tensor:
        """Return the player's own loss, a scalar: a mean over images, so that parts of a batch can be added."""
        raise NotImplementedError


@runtime_checkable
class Updating(Protocol):
    """A term that moves buffers of the model after each step, without a gradient, such as moving averages."""

    def update(self, model: LatentModel, trace: Trace) -> None:
        """Move what it keeps in `model` by one step."""
        ...
