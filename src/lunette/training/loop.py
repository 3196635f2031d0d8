"""The one training loop: a generator of events, whose whole state can be saved and restored at any of them."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from lunette.compute.batches import to_float, values_per_pixel
from lunette.compute.memory import keep_memory
from lunette.compute.precision import pick_precision
from lunette.compute.processes import ALONE, ProcessGroup
from lunette.images import Dataset, Images, Permutation
from lunette.objectives import loss
from lunette.randomness import part_of_batch, reseed, stream
from lunette.recipes import Recipe, Stage
from lunette.training.evaluate import evaluate
from lunette.training.events import End, EpochEnd, Event, Metrics, PictureTime, Start, Step
from lunette.training.graph import GraphStep
from lunette.training.ledger import Ledger
from lunette.training.loader import Loader
from lunette.training.optimizers import bare_step, load_tensors, make_optimizer, set_rate, tensors_of
from lunette.training.players import PREFIX, Players, parts_of
from lunette.training.position import Position
from lunette.training.schedules import multiple
from lunette.training.settings import TrainingSettings
from lunette.training.step import Terms, check_shares, indices, no_sync, parted, parts, together, whole
from lunette.training.threads import pick_threads, threads


class Training:
    """Trains a recipe on a data set; iterate over `events()` to make it happen.

    Every draw of random numbers comes from a stream that is a pure function of the seed and the step, so
    that training goes on from (weights, optimiser, position) exactly as if it had never stopped.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Dataset,
        settings: TrainingSettings,
        device: torch.device,
        group: ProcessGroup = ALONE,
    ) -> None:
        check_shares(settings, recipe, data, device, group.size)
        keep_memory()
        self.recipe = recipe
        self.settings = settings
        self.device = device
        self.group = group
        self.precision = pick_precision(settings.precision, device, recipe.model)
        self.main = Stage("", recipe.model, recipe.objective, settings.epochs)
        self.stages = (*recipe.stages, self.main, *recipe.after)
        self.position = Position()
        # Convolutions read and write the channels of a pixel together; other tensors are not touched by this.
        recipe.model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.fixed = {p for p in recipe.model.parameters() if not p.requires_grad}
        self.train = data.train
        # Labels are fed to models that are told them; to look them up costs each step of the others.
        self.loader = Loader(data.train if recipe.model.labels else replace(data.train, labels=None), device)
        self.validation = data.validation
        self.threads = min(pick_threads(recipe, data.train.shape, settings), self.loader.most_threads)
        self.batches = -(-len(self.train) // settings.batch_size)
        self.ledger = Ledger(device, group)
        self._enter_stage()

    @property
    def stage(self) -> Stage:
        """The phase that is running; after the last one, the last one."""
        return self.stages[min(self.position.stage, len(self.stages) - 1)]

    def _enter_stage(self) -> None:
        later = (
            {p for stage in self.recipe.after for p in stage.model.parameters()} if self.stage is self.main else set()
        )
        for parameter in self.recipe.model.parameters():
            parameter.requires_grad_(parameter not in self.fixed | later)
        self._terms = self._terms_of(self.stage)
        self.terms = together(self._terms, self.group, self.settings.shard)
        self.parameters = [p for p in self.stage.model.parameters() if p.requires_grad]
        self.optimizer = make_optimizer(self.parameters, self.settings)
        self._passed: list[float] = []  # shares of the batch whose terms were passed in this step
        self.players = Players(self.stage.objective, self.settings, self.device)
        self._optimize = bare_step(self.optimizer)
        balance = self.stage.objective.balanced
        move = self._move_all
        self.graph = GraphStep(self.terms, self.parameters, move, balance=balance) if self.settings.graph else None

    def _terms_of(self, stage: Stage) -> Terms:
        return Terms(stage, self.precision, len(self.train))

    def events(self) -> Iterator[Event]:
        """Train to the end, from wherever the position is; whoever takes an event has all threads meanwhile."""
        with contextlib.closing(self._events()) as events:
            while True:
                with threads(self.threads):
                    event = next(events, None)
                if event is None:
                    return
                yield event

    def _events(self) -> Generator[Event, None, None]:
        reason = f"all {self.settings.epochs} epochs are done"
        yield Start(str(self.device), self.threads, self.group.size, self.precision)
        if self._is_picture_time():  # a stop between an epoch's end and its pictures must not lose them
            yield PictureTime(self.position.epoch, draws=not self.recipe.after)
        while self.position.stage < len(self.stages):
            while self.position.epoch < self.stage.epochs and not self._out_of_patience():
                yield from self._epoch()
            if self._out_of_patience():
                reason = f"no better validation loss for {self.settings.patience} epochs"
            if self.position.stage == len(self.stages) - 1:
                break
            self.position = self.position.next_stage()
            self._enter_stage()
        if self.recipe.after:
            self.terms = self._terms = self._terms_of(self.main)
        yield End(reason, self.main.epochs if self.recipe.after else self.position.epoch)

    def _epoch(self) -> Iterator[Event]:
        position, settings, size = self.position, self.settings, self.settings.batch_size
        order = Permutation(len(self.train), stream(settings.seed, "order", position.stage, position.epoch))
        images = self.loader(indices(order, position.batch * size, size, settings.accumulate, self.group))
        began = time.perf_counter()
        while position.batch < self.batches:
            n = min(size, len(order) - position.batch * size)
            terms = self._step(images, n)
            self.ledger.note(n, terms)
            position.batch += 1
            position.step += 1
            settled = self.ledger.is_due(position.step)
            if settled:
                self.ledger.settle(position, settings.learning_rate)
            position.seconds += time.perf_counter() - began
            place = (self.stage.name, position.epoch + 1, self.stage.epochs, position.batch, self.batches)
            yield Step(*place, terms, settled)
            began = time.perf_counter()
        self.ledger.settle(position, settings.learning_rate)
        position.seconds += time.perf_counter() - began
        yield self._close_epoch()
        if self._is_picture_time():
            yield PictureTime(position.epoch, draws=not self.recipe.after)

    def _is_picture_time(self) -> bool:
        position, every = self.position, self.settings.pictures
        at_end_of_epoch = not self.stage.name and position.epoch and not position.batch
        return bool(every and at_end_of_epoch and position.epoch % every == 0)

    def _step(self, images: Iterator[tuple[Tensor, Tensor | None]], n: int) -> dict[str, Tensor]:
        """Move the weights by one step on a batch of `n`; return this process's share of the means of its terms."""
        stage, settings, position = self.stage, self.settings, self.position
        done = position.epoch + position.batch / self.batches
        rate = settings.learning_rate * multiple(settings.schedule, done, stage.epochs, settings.warmup)
        set_rate(self.optimizer, rate)
        self.players.set_rate(rate)
        weights, epoch = stage.objective.weights(done, position.step), torch.tensor(done)
        if not stage.model.training:  # to ask takes less than to tell every module
            stage.model.train()
        if self.graph and n == settings.batch_size:
            reseed(settings.seed, "step", position.step)
            pixels, y = next(images)
            return self.graph(to_float(pixels), y, epoch, weights)
        for parameter in self.parameters:
            parameter.grad = None
        sums: dict[str, Tensor] = {}
        places = parts(n, settings.accumulate, self.group)
        with self.precision.step():
            for start, stop in places:
                pixels, y = next(images)
                share = (stop - start) / n
                reseed(settings.seed, "step", position.step)
                with part_of_batch(start, n), no_sync(self.terms, stop == places[-1][1]):
                    terms = self.terms(to_float(pixels), y, epoch)
                    # A group's gradients are averaged, and the loss is a sum of the processes' shares.
                    total = loss(terms, stage.objective.balanced(terms, weights))
                    (total if share == 1 else total * (share * self.group.size)).backward()
                    self._passed.append(share)
                for name, value in terms.items():
                    sums[name] = sums.get(name, 0) + share * value.detach()
        self._move_all()
        return sums

    def _move_all(self) -> None:
        """Move the model, and then those who learn from the step that it made."""
        self._move()
        traces, self._terms.traces = self._terms.traces, []
        shares, self._passed = self._passed or [1.0], []
        if traces:
            parts = parts_of(traces, shares, (self.settings.seed, "players", self.position.step), self.group)
            self.players.learn(self.stage.model, parts, self.group)

    def _move(self) -> None:
        if self.settings.clip:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        self._optimize()

    def _close_epoch(self) -> EpochEnd:
        position, stage = self.position, self.stage
        weights = stage.objective.weights(position.epoch + 1, position.step)
        means = {name: total / len(self.train) for name, total in position.sums.items()}
        metrics = {"train": Metrics(means, weights, position.seconds)}
        if len(self.validation):
            metrics["validation"] = self.measure(self.validation)
        self.check_finite()
        for split, measured in metrics.items():
            if not math.isfinite(measured.loss):
                raise position.diverged(f"the {split} loss is {measured.loss}", self.settings.learning_rate)
        position.epoch, position.batch, position.sums, position.seconds = position.epoch + 1, 0, {}, 0.0
        held_out = metrics.get("validation")
        best = (
            not (stage.name or self.recipe.after)  # whose last stage is not in what was best before
            and held_out is not None
            and (position.best_loss is None or held_out.loss < position.best_loss)
        )
        if best and held_out is not None:
            position.best_loss, position.best_epoch = held_out.loss, position.epoch
        return EpochEnd(stage.name, position.epoch, stage.epochs, position.step, metrics, best)

    def measure(self, images: Images) -> Metrics:
        """Return the running stage's terms on images; after the last one, those of the main phase.

        Their weights are those after any warm-up: with rising ones the first epoch would always be the best.
        """
        self._terms.model.eval()
        # Each process has running means of its own parts of the batches; those of process 0 are saved.
        for buffer in self._terms.model.buffers():
            buffer.copy_(self.group.first(buffer))
        # The parts of a sharded model meet in every pass, so that no process can take a batch for itself.
        group = ALONE if self.settings.shard else self.group
        weights = self._terms.objective.weights(math.inf)
        each = values_per_pixel(self._terms.model, self._terms.objective.samples)
        with threads(self.threads):
            return evaluate(self.terms, weights, images, self.settings.seed, self.device, group, each)

    def check_finite(self) -> None:
        """Raise Diverged unless all weights are finite: a step from finite numbers can still overflow them."""
        for name, parameter in self.recipe.model.named_parameters():
            if not whole(parameter).isfinite().all():
                raise self.position.diverged(f"the weights {name} are not finite", self.settings.learning_rate)

    def model_state(self) -> dict[str, Tensor]:
        """Return the model's tensors by name."""
        return {name: whole(value) for name, value in self.recipe.model.state_dict().items()}

    def load_model(self, state: Mapping[str, Tensor]) -> None:
        """Take the model's tensors from `model_state`; raises RuntimeError where they are another model's."""
        own = self.recipe.model.state_dict()
        self.recipe.model.load_state_dict({name: parted(v, own.get(name, v)) for name, v in state.items()})

    def optimizer_state(self) -> dict[str, Tensor]:
        """Return what training needs besides the model: tensors of the optimiser and of the players, by name."""
        return {name: whole(value) for name, value in tensors_of(self.optimizer).items()} | self.players.state()

    def restore(self, position: Position, optimizer_state: Mapping[str, Tensor]) -> None:
        """Go on from `position`; the weights are for `load_model`."""
        moved, self.position = position.stage != self.position.stage, position
        if moved:
            self._enter_stage()
        self.players.restore(optimizer_state)
        # Sorted, because the processes of a group have to put parts together in one order, and files have none.
        own = sorted((key, value) for key, value in optimizer_state.items() if not key.startswith(PREFIX))
        load_tensors(self.optimizer, {k: parted(value, self.parameters[int(k.split(".")[0])]) for k, value in own})

    def _out_of_patience(self) -> bool:
        waited = self.position.epoch - self.position.best_epoch
        return bool(self.settings.patience and not self.stage.name and waited >= self.settings.patience)
