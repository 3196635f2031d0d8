"""A whole step as one CUDA graph: all of its kernels are started at once, and Python is not waited for between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from lunette.errors import LunetteError
from lunette.objectives import loss
from lunette.training.settings import TrainingSettings

Move = Callable[[], None]
Balance = Callable[[dict[str, Tensor], dict[str, Tensor]], Mapping[str, Tensor]]  # of terms and their weights
Record = Callable[[Callable[[], dict[str, Tensor]]], tuple[dict[str, Tensor], Callable[[], None]]]
PLAIN_STEPS = 3  # before one is recorded: they make the optimiser's state, and torch's own


def check_graph(settings: TrainingSettings, device: torch.device, processes: int) -> None:
    """Raise LunetteError where steps cannot be recorded."""
    if device.type != "cuda":
        raise LunetteError(f"--graph records the steps of an NVIDIA GPU, and this is on {device.type}: leave it out")
    if processes > 1 or settings.accumulate > 1:
        raise LunetteError("--graph records whole steps of one process: leave out --processes and --accumulate")
    if settings.optimizer not in ("adam", "adamw"):
        raise LunetteError(f"--graph works with adam and adamw, and not with {settings.optimizer}")


def record(step: Callable[[], dict[str, Tensor]]) -> tuple[dict[str, Tensor], Callable[[], None]]:
    """Return where `step` leaves its results, and what does the step again; the recording itself does nothing."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = step()
    return results, graph.replay


class GraphStep:
    """One step on images of one shape: `PLAIN_STEPS` times plainly, then recorded, then played again and again.

    What differs between steps lies in tensors that the recording reads anew: images, labels, the epoch, weights of
    terms, and the learning rate. A weight that becomes 0, or no longer is, makes other kernels, and a new recording.
    """

    def __init__(
        self,
        terms: nn.Module,
        parameters: list[nn.Parameter],
        move: Move,
        record: Record = record,
        balance: Balance = lambda _, weights: weights,
    ) -> None:
        self.terms = terms
        self.balance = balance
        self.parameters = parameters
        self.move = move
        self.record = record
        self.kind: tuple[torch.Size, list[str]] | None = None
        self.steps = 0  # of this kind

    def __call__(self, x: Tensor, y: Tensor | None, epoch: Tensor, weights: Mapping[str, float]) -> dict[str, Tensor]:
        """Move the weights by a step on images x (N, C, H, W) in [0, 1] and labels; return the means of its terms."""
        weights = {name: weight for name, weight in weights.items() if weight != 0}
        kind = (x.shape, list(weights))
        if kind != self.kind:
            self.kind, self.steps = kind, 0
            self.x, self.epoch = torch.empty_like(x), torch.empty((), device=x.device)
            self.y = None if y is None else torch.empty_like(y)
            self.weights = torch.empty(len(weights), device=x.device)
        self.x.copy_(x)
        self.epoch.copy_(epoch)
        if self.y is not None and y is not None:
            self.y.copy_(y)
        self.weights.copy_(torch.tensor(list(weights.values())))
        self.steps += 1
        if self.steps <= PLAIN_STEPS:
            return self._step()
        if self.steps == PLAIN_STEPS + 1:
            self.results, self.replay = self.record(self._step)
        self.replay()
        return {name: value.clone() for name, value in self.results.items()}

    def _step(self) -> dict[str, Tensor]:
        for parameter in self.parameters:
            parameter.grad = None
        terms = self.terms(self.x, self.y, self.epoch)
        assert self.kind is not None
        weights = dict(zip(self.kind[1], self.weights.unbind(), strict=True))
        loss(terms, self.balance(terms, weights)).backward()
        self.move()
        return {name: value.detach() for name, value in terms.items()}
