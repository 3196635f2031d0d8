"""What learns beside the model: adversaries with an optimiser of their own, and moving averages."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lunette.models import LatentModel, Trace
from lunette.objectives import Objective, name_of
from lunette.training.optimizers import bare_step, load_tensors, make_optimizer, set_rate, tensors_of
from lunette.training.settings import TrainingSettings

PREFIX = "players/"  # of the names of their tensors in a checkpoint


class Players:
    """The adversaries of an objective and its terms that move buffers; true if there are any."""

    def __init__(self, objective: Objective, settings: TrainingSettings, device: torch.device) -> None:
        self.adversaries = {name_of(player): player.to(device) for player in objective.players}
        self.updating = objective.updating
        self.parameters = [p for player in self.adversaries.values() for p in player.parameters()]
        self._stand_still()
        if self.parameters:
            self.optimizer = make_optimizer(self.parameters, settings)
            self._move = bare_step(self.optimizer)

    def __bool__(self) -> bool:
        return bool(self.adversaries or self.updating)

    def _stand_still(self) -> None:
        for parameter in self.parameters:
            parameter.requires_grad_(False)

    def learn(self, model: LatentModel, trace: Trace, rate: float) -> None:
        """Move each by one step of learning rate `rate` after a step of `model`, which had `trace`."""
        if self.parameters:
            for parameter in self.parameters:
                parameter.requires_grad_(True)
                parameter.grad = None
            losses = torch.stack([player.learn(model, trace) for player in self.adversaries.values()])
            # Not by autograd.grad, whose gradients may lie in memory otherwise than their parameters.
            losses.sum().backward(inputs=self.parameters)
            self._stand_still()
            set_rate(self.optimizer, rate)
            self._move()
        with torch.no_grad():
            for term in self.updating:
                term.update(model, trace)

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
