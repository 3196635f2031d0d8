"""What learns beside the model: adversaries with an optimiser of their own, and moving averages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lunette.compute import ALONE, ProcessGroup
from lunette.models import LatentModel, Trace
from lunette.objectives import Objective, name_of
from lunette.randomness import reseed, stream
from lunette.training.optimizers import bare_step, load_tensors, make_optimizer, set_rate, tensors_of
from lunette.training.settings import TrainingSettings

PREFIX = "players/"  # of the names of their tensors in a checkpoint


class Part(NamedTuple):
    """A part of a batch that was passed."""

    trace: Trace
    share: float = 1.0  # of the whole batch
    seed: int | None = None  # the seed of its noise; None: the noise that is running


def parts_of(
    traces: Sequence[Trace], shares: Sequence[float], place: tuple[int, str, int], group: ProcessGroup
) -> list[Part]:
    """Return the parts that this process passed of a step, whose noise streams are named by its `place` and number.

    A step that is passed whole goes on with the noise that is running.
    """
    count, first = len(traces) * group.size, group.rank * len(traces)
    streams = [stream(*place, first + i) if count > 1 else None for i in range(len(traces))]
    return list(map(Part, traces, shares, streams))


class Players:
    """The adversaries of an objective and its terms that move buffers."""

    def __init__(self, objective: Objective, settings: TrainingSettings, device: torch.device) -> None:
        self.adversaries = {name_of(player): player.to(device) for player in objective.players}
        self.updating = objective.updating
        self.parameters = [p for player in self.adversaries.values() for p in player.parameters()]
        self._stand_still()
        if self.parameters:
            groups = [
                {"params": list(player.parameters()), "multiple": player.rate, "betas": player.betas}
                for player in self.adversaries.values()
            ]
            self.optimizer = make_optimizer(groups, settings)
            self._move = bare_step(self.optimizer)

    def _stand_still(self) -> None:
        for parameter in self.parameters:
            parameter.requires_grad_(False)

    def set_rate(self, rate: float) -> None:
        """Let the next step have this learning rate, times each player's own multiple."""
        if self.parameters:
            set_rate(self.optimizer, rate)

    def learn(self, model: LatentModel, parts: Sequence[Part], group: ProcessGroup = ALONE) -> None:
        """Move each by one step after a step of `model`, which stands still meanwhile.

        Args:
            model: what was trained by that step.
            parts: the parts of the batch that this process passed.
            group: the processes that passed the others.
        """
        if self.parameters:
            for parameter in self.parameters:
                parameter.requires_grad_(True)
                parameter.grad = None
            for trace, share, seed in parts:
                if seed is not None:
                    reseed(seed)
                total = torch.stack([player.learn(model, trace) for player in self.adversaries.values()]).sum()
                # Not by autograd.grad, whose gradients may lie in memory otherwise than their parameters.
                (total if share == 1 else total * share).backward(inputs=self.parameters)
            for parameter in self.parameters if group.size > 1 else ():
                assert parameter.grad is not None
                parameter.grad.copy_(group.sum(parameter.grad))
            self._stand_still()
            self._move()
        with torch.no_grad():
            for term in self.updating:
                for part in parts:
                    term.update(model, part.trace)

    def state(self) -> dict[str, Tensor]:
        """Return the tensors of the adversaries and of their optimiser, by name."""
        if not self.parameters:
            return {}
        weights = {
            f"weights.{name}.{key}": value
            for name, player in self.adversaries.items()
            for key, value in player.state_dict().items()
        }
        moments = {f"optimizer.{name}": value for name, value in tensors_of(self.optimizer).items()}
        return {PREFIX + name: value for name, value in (weights | moments).items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take the tensors of `state`, among which may be others."""

        def under(prefix: str) -> dict[str, Tensor]:
            return {n.removeprefix(prefix): value for n, value in state.items() if n.startswith(prefix)}

        for name, player in self.adversaries.items():
            player.load_state_dict(under(f"{PREFIX}weights.{name}."))
        if self.parameters:
            load_tensors(self.optimizer, under(f"{PREFIX}optimizer."))
