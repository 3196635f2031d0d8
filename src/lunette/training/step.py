"""What one process adds to a step: the terms of its part of the batch, and their gradient."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lunette.compute.precision import Precision
from lunette.compute.processes import ProcessGroup
from lunette.errors import LunetteError
from lunette.images import Dataset, Permutation
from lunette.models import StepContext, Trace
from lunette.recipes import Recipe, Stage
from lunette.training.graph import check_graph
from lunette.training.settings import TrainingSettings


class Terms(nn.Module):
    """The terms of a stage's objective on images, as one module: what processes train together."""

    def __init__(self, stage: Stage, precision: Precision, pictures: int) -> None:
        super().__init__()
        self.model = stage.model
        self.objective = stage.objective
        self.precision = precision
        self.pictures = pictures  # that training has
        self.traces: list[Trace] = []  # of the parts of this step, for those who learn from it

    def forward(self, x: Tensor, y: Tensor | None = None, epoch: Tensor | None = None) -> dict[str, Tensor]:
        """Return each term's mean over x (N, C, H, W), labelled y (N,), when `epoch` epochs have passed.

        A scalar by name, unweighted. Without an epoch all schedules are at their ends.
        """
        y = y if self.model.labels else None
        context = StepContext(pictures=self.pictures) if epoch is None else StepContext(epoch, self.pictures)
        with self.precision.forward() if self.model.training else contextlib.nullcontext():
            trace = self.model.trace(x, y, samples=self.objective.samples)
            trace = dataclasses.replace(trace, context=context)
            if self.model.training and torch.is_grad_enabled() and self.objective.learns_beside:
                self.traces.append(trace)
            return self.objective(self.model, trace)


def check_shares(
    settings: TrainingSettings, recipe: Recipe, data: Dataset, device: torch.device, processes: int
) -> None:
    """Raise LunetteError where the settings ask for what the recipe, pictures, device or processes cannot do."""
    if settings.graph:
        check_graph(settings, device, processes)
    if settings.patience and recipe.after:
        raise LunetteError(
            "patience goes back to the best epoch, and this recipe trains on after the last: leave it out"
        )
    alone = processes == settings.accumulate == 1 and not settings.graph
    if recipe.objective.updating and not alone:
        raise LunetteError(
            "a moving average learns beside this recipe's model, and does so from whole steps only: leave out "
            "--processes, --accumulate and --graph"
        )
    if recipe.objective.players and settings.shard:
        raise LunetteError("an adversary learns beside this recipe's model, and --shard parts no weights of it")
    if settings.patience and not len(data.validation):
        raise LunetteError("patience needs validation pictures: leave --validation above 0")
    if settings.shard and processes == 1:
        raise LunetteError("there is one process, and --shard parts a model among several: add --processes")
    if settings.shard and (recipe.stages or recipe.after):
        raise LunetteError("--shard cannot train a recipe in stages, which train one layer in several models")
    pictures, count = min(settings.batch_size, len(data.train)), processes * settings.accumulate
    if count > pictures:
        raise LunetteError(
            f"a step of {pictures} pictures cannot be cut into {count} parts ({processes} processes × accumulate "
            f"{settings.accumulate}): use fewer, or a larger --batch-size"
        )


def parts(n: int, accumulate: int, group: ProcessGroup) -> list[tuple[int, int]]:
    """Return where the parts of a batch of `n` begin and end that this process passes, one after another.

    The batch is cut into group.size · accumulate parts as equal as can be, in order; some are empty if there
    are more than n.
    """
    count = group.size * accumulate
    return [
        (n * i // count, n * (i + 1) // count) for i in range(group.rank * accumulate, (group.rank + 1) * accumulate)
    ]


def indices(order: Permutation, begin: int, size: int, accumulate: int, group: ProcessGroup) -> Iterator[Tensor]:
    """Yield the numbers of the pictures of each part of each step of `size`, from place `begin` of an epoch's order."""
    for start in range(begin, len(order), size):
        batch = order[start : start + size]
        for first, last in parts(len(batch), accumulate, group):
            yield batch[first:last] if last > first else batch[:1]  # which then counts for nothing


def together(terms: Terms, group: ProcessGroup, shard: bool) -> nn.Module:
    """Return `terms` as a module whose gradients are the mean over the processes of a group.

    With `shard` each process keeps a part of every weight, and sees the whole only while a layer needs it.
    """
    if group.size == 1:
        return terms
    if shard:
        # Here and in `parted`, because the import takes half a second that other trainings need not wait.
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        warnings.filterwarnings("ignore", ".*returned a view tensor")  # nothing here writes into a layer's output
        mesh = init_device_mesh(next(terms.parameters()).device.type, (group.size,))
        for layer in list(terms.modules()):
            if next(layer.parameters(recurse=False), None) is not None:
                fully_shard(layer, mesh=mesh)
        fully_shard(terms, mesh=mesh)
        return terms
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # newer versions of torch give the first switch another name
        # Buffers that steps read follow from the weights; the others are made the same where the model is measured.
        return DistributedDataParallel(terms, broadcast_buffers=False, gradient_as_bucket_view=True)


def no_sync(terms: nn.Module, last: bool) -> contextlib.AbstractContextManager[object]:
    """Send gradients to the other processes only with the `last` part of a step, when they are whole."""
    if isinstance(terms, DistributedDataParallel):
        return contextlib.nullcontext() if last else terms.no_sync()
    if (sync := getattr(terms, "set_requires_gradient_sync", None)) is not None:  # it is sharded
        sync(last)
    return contextlib.nullcontext()


def whole(value: Tensor) -> Tensor:
    """Return a tensor of which each process may keep a part, as a whole; all processes have to ask."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def parted(value: Tensor, like: Tensor) -> Tensor:
    """Return a whole tensor, parted among the processes if `like`, of the same shape, is."""
    if not hasattr(like, "full_tensor") or value.shape != like.shape:
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    # Every process has the whole value: each takes its part, and nothing is sent.
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
