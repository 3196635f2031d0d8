"""The one training loop: a generator of events, whose whole state can be saved and restored at any of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lunette.errors import Diverged, LunetteError
from lunette.images import Dataset
from lunette.objectives import loss
from lunette.randomness import generator, reseed
from lunette.recipes import Recipe, Stage
from lunette.training.batches import to_float
from lunette.training.evaluate import evaluate
from lunette.training.events import End, EpochEnd, Event, Metrics, PictureTime, Step
from lunette.training.optimizers import make_optimizer
from lunette.training.schedules import multiple
from lunette.training.settings import TrainingSettings


@dataclass
class Position:
    """Where training is; with the weights and the optimiser's state, all that a resumed run needs."""

    stage: int = 0
    epoch: int = 0  # epochs done in this stage
    batch: int = 0  # batches done in this epoch
    step: int = 0  # steps done in all
    sums: dict[str, float] = field(default_factory=dict)  # of each term over this epoch's images so far
    seconds: float = 0.0  # spent on this epoch so far
    best_loss: float | None = None  # lowest validation loss
    best_epoch: int = 0


class Training:
    """Trains a recipe on a data set; iterate over `events()` to make it happen.

    Every draw of random numbers comes from a stream that is a pure function of the seed and the step, so
    that training goes on from (weights, optimiser, position) exactly as if it had never stopped.
    """

    def __init__(self, recipe: Recipe, data: Dataset, settings: TrainingSettings, device: torch.device) -> None:
        if settings.patience and not len(data.validation):
            raise LunetteError("patience needs validation pictures: leave --validation above 0")
        self.recipe = recipe
        self.settings = settings
        self.device = device
        self.stages = (*recipe.stages, Stage("", recipe.model, recipe.objective, settings.epochs))
        self.position = Position()
        recipe.model.to(device)
        self.train = data.train.pixels.to(device)
        self.validation = data.validation.pixels.to(device)
        self.batches = -(-len(self.train) // settings.batch_size)
        self.optimizer = make_optimizer(self.stage.model, settings)

    @property
    def stage(self) -> Stage:
        """The phase that is running; after the last one, the last one."""
        return self.stages[min(self.position.stage, len(self.stages) - 1)]

    def events(self) -> Iterator[Event]:
        """Train to the end, from wherever the position is."""
        reason = f"all {self.settings.epochs} epochs are done"
        if self._is_picture_time():  # a stop between an epoch's end and its pictures must not lose them
            yield PictureTime(self.position.epoch)
        while self.position.stage < len(self.stages):
            while self.position.epoch < self.stage.epochs and not self._out_of_patience():
                yield from self._epoch()
            if self._out_of_patience():
                reason = f"no better validation loss for {self.settings.patience} epochs"
            if self.position.stage == len(self.stages) - 1:
                break
            self.position = Position(stage=self.position.stage + 1, step=self.position.step)
            self.optimizer = make_optimizer(self.stage.model, self.settings)
        yield End(reason, self.position.epoch)

    def _epoch(self) -> Iterator[Event]:
        position, size = self.position, self.settings.batch_size
        order = self._order()
        while position.batch < self.batches:
            began = time.perf_counter()
            index = order[position.batch * size : (position.batch + 1) * size]
            terms = self._step(to_float(self.train[index]))
            for name, value in terms.items():
                position.sums[name] = position.sums.get(name, 0.0) + float(value) * len(index)
            position.batch += 1
            position.step += 1
            position.seconds += time.perf_counter() - began
            yield Step(self.stage.name, position.epoch + 1, self.stage.epochs, position.batch, self.batches, terms)
        yield self._close_epoch()
        if self._is_picture_time():
            yield PictureTime(position.epoch)

    def _is_picture_time(self) -> bool:
        position, every = self.position, self.settings.pictures
        at_end_of_epoch = not self.stage.name and position.epoch and not position.batch
        return bool(every and at_end_of_epoch and position.epoch % every == 0)

    def _order(self) -> Tensor:
        """Return the order of this epoch's pictures: a pure function of (seed, stage, epoch)."""
        stream = generator(self.settings.seed, "order", self.position.stage, self.position.epoch)
        return torch.randperm(len(self.train), generator=stream).to(self.device)

    def _step(self, x: Tensor) -> dict[str, Tensor]:
        stage, settings, position = self.stage, self.settings, self.position
        reseed(settings.seed, "step", position.step)
        done = position.epoch + position.batch / self.batches
        rate = settings.learning_rate * multiple(
            settings.schedule, done / stage.epochs, min(settings.warmup / stage.epochs, 1.0)
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        weights = stage.objective.weights(done)
        stage.model.train()
        terms = stage.objective(stage.model, stage.model.trace(x, samples=stage.objective.samples))
        self.optimizer.zero_grad()
        total = loss(terms, weights)
        total.backward()
        gradients = [p.grad for p in stage.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not math.isfinite(total.item() + norm.item()):
            raise self._diverged(self._what_is_not_finite(terms))
        if settings.clip:
            torch.nn.utils.clip_grads_with_norm_(stage.model.parameters(), settings.clip, norm)
        self.optimizer.step()
        return {name: value.detach() for name, value in terms.items()}

    def _close_epoch(self) -> EpochEnd:
        position, stage = self.position, self.stage
        weights = stage.objective.weights(position.epoch + 1)
        means = {name: total / len(self.train) for name, total in position.sums.items()}
        metrics = {"train": Metrics(means, weights, position.seconds)}
        if len(self.validation):
            metrics["validation"] = self.measure(self.validation)
        self.check_finite()
        for split, measured in metrics.items():
            if not math.isfinite(measured.loss):
                raise self._diverged(f"the {split} loss is {measured.loss}")
        position.epoch, position.batch, position.sums, position.seconds = position.epoch + 1, 0, {}, 0.0
        held_out = metrics.get("validation")
        best = (
            not stage.name
            and held_out is not None
            and (position.best_loss is None or held_out.loss < position.best_loss)
        )
        if best and held_out is not None:
            position.best_loss, position.best_epoch = held_out.loss, position.epoch
        return EpochEnd(stage.name, position.epoch, stage.epochs, position.step, metrics, best)

    def measure(self, pixels: Tensor) -> Metrics:
        """Return the running stage's terms on uint8 images (N, C, H, W).

        Their weights are those after any warm-up: with rising ones the first epoch would always be the best.
        """
        stage = self.stage
        return evaluate(stage.model, stage.objective, stage.objective.weights(math.inf), pixels, self.settings.seed)

    def check_finite(self) -> None:
        """Raise Diverged unless all weights are finite: a step from finite numbers can still overflow them."""
        for name, parameter in self.recipe.model.named_parameters():
            if not parameter.isfinite().all():
                raise self._diverged(f"the weights {name} are not finite")

    def optimizer_state(self) -> dict[str, Tensor]:
        """Return the optimiser's tensors by "parameter.name"."""
        state = self.optimizer.state_dict()["state"]
        return {
            f"{i}.{name}": value for i, values in state.items() for name, value in values.items() if value is not None
        }

    def restore(self, position: Position, optimizer_state: Mapping[str, Tensor]) -> None:
        """Go on from `position`; the weights are the caller's to load, into the recipe's model."""
        self.position = position
        self.optimizer = make_optimizer(self.stage.model, self.settings)
        values: dict[int, dict[str, Tensor]] = {}
        for key, tensor in optimizer_state.items():
            i, name = key.split(".")
            values.setdefault(int(i), {})[name] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": values})

    def _out_of_patience(self) -> bool:
        waited = self.position.epoch - self.position.best_epoch
        return bool(self.settings.patience and not self.stage.name and waited >= self.settings.patience)

    def _what_is_not_finite(self, terms: dict[str, Tensor]) -> str:
        bad = [f"the {name} is {value.item()}" for name, value in terms.items() if not value.isfinite()]
        bad += [
            f"the gradient of {name} is not finite"
            for name, p in self.stage.model.named_parameters()
            if p.grad is not None and not p.grad.isfinite().all()
        ]
        return bad[0] if bad else "the sum of the terms, or the norm of the gradient, is not finite"

    def _diverged(self, what: str) -> Diverged:
        return Diverged(
            f"training diverged at step {self.position.step + 1}, in epoch {self.position.epoch + 1}: {what}; the last "
            "checkpoint is of finite weights, and intact. Likely causes: the learning rate "
            f"{self.settings.learning_rate:g} is too high (try a tenth, or --clip 1), or a learned scale or variance "
            "went to 0 (fix it, like normal:0.1)"
        )
