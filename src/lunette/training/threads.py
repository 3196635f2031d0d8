"""How many threads of the processor share a step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from lunette.images import Shape
from lunette.models import LatentModel
from lunette.recipes import Recipe
from lunette.training.settings import TrainingSettings

ENOUGH = 150e6  # multiplications that a thread's part of a forward pass must have: see benchmarks/threads.py
PRODUCTS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def pick_threads(recipe: Recipe, shape: Shape, settings: TrainingSettings, processes: int = 1) -> int:
    """Return how many threads a step on images of `shape` gets: `settings.threads`, or as many as it pays for.

    A thread whose part is small waits for the others longer than it works. The number depends on the network, the
    batch and the machine alone, and not on what else runs there: with other threads sums come in another order, and a
    seed would give other weights.
    """
    if settings.threads:
        return settings.threads
    most = max(1, torch.get_num_threads() // processes)
    rows = settings.batch_size / (processes * settings.accumulate)
    # Some of the work is not for each image: the prior vamp encodes images of its own.
    one, two = (multiplications(recipe.model, n, shape, recipe.objective.samples) for n in (1, 2))
    return max(1, min(most, int((one + (rows - 1) * (two - one)) / ENOUGH)))


def multiplications(model: LatentModel, n: int, shape: Shape, samples: int = 1) -> int:
    """Return how often a weight meets a value while n images of `shape` pass, with `samples` draws of each."""
    total = 0

    def count(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        # A weight meets each place of the side where it gathers: that of the output, or of the input if transposed.
        side = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        total += layer.weight.numel() * side.numel() // layer.weight.shape[0]

    hooks = [layer.register_forward_hook(count) for layer in model.modules() if isinstance(layer, PRODUCTS)]
    was_training, device = model.training, next(model.parameters()).device
    y = torch.zeros(n, dtype=torch.int64, device=device) if model.labels else None
    with torch.random.fork_rng():
        model.eval().trace(torch.zeros(n, *shape, device=device), y, samples=samples)
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    return total


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch take `number` threads within this."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
