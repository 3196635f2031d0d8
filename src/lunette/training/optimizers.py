"""Optimisers by name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim import Optimizer

from lunette.training.settings import TrainingSettings

SGD_MOMENTUM = 0.9


@functools.cache
def leave_compiler_alone() -> None:
    """Keep optimisers from importing torch's compiler, which takes two seconds.

    Some of their methods ask it, at their first call, to leave them alone. Nothing is compiled here: they are told that
    it is done. A torch that stops looking for the mark is not hurt by it.
    """
    for method in (Optimizer.add_param_group, Optimizer.state_dict, Optimizer.load_state_dict):
        inspect.unwrap(method).__dynamo_disable = inspect.unwrap(method)


def make_optimizer(parameters: list[nn.Parameter] | list[dict[str, Any]], settings: TrainingSettings) -> Optimizer:
    """Return the optimiser of `parameters`, or of groups of them as torch has them; the loop sets its learning rate.

    A group may have a "multiple" of the learning rate, and what else differs from the others.
    """
    leave_compiler_alone()
    rate = settings.learning_rate
    if settings.optimizer == "rmsprop":
        return optim.RMSprop(parameters, rate)
    if settings.optimizer == "sgd":
        return optim.SGD(parameters, rate, momentum=SGD_MOMENTUM, fused=True)
    kind = {"adam": optim.Adam, "adamw": optim.AdamW}[settings.optimizer]
    if settings.graph:  # a recorded step reads the rate from the device
        groups = [each for each in parameters if isinstance(each, dict)] or [{"params": parameters}]
        device = groups[0]["params"][0].device
        own = [group | {"lr": torch.tensor(rate, device=device)} for group in groups]
        return kind(own, fused=True, capturable=True)
    return kind(parameters, rate, fused=True)


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Let the next step have this learning rate, times the multiple of each group that has one."""
    for group in optimizer.param_groups:
        own = rate * group.get("multiple", 1.0)
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(own)
        else:
            group["lr"] = own


def bare_step(optimizer: Optimizer) -> Callable[[], None]:
    """Return the optimiser's step without its wrapping for torch's compiler (which it imports) and profiler."""
    return functools.partial(torch.no_grad()(inspect.unwrap(type(optimizer).step)), optimizer)


def tensors_of(optimizer: Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's tensors by "parameter.name", the parameters by their numbers."""
    return {
        f"{i}.{name}": value
        for i, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def load_tensors(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Let an optimiser go on from what `tensors_of` returned.

    A file has no strides, and fused kernels walk through memory: a moment in another layout than its parameter's, such
    as channels-last, would meet another weight.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    values: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        i, name = key.split(".")
        like = parameters[int(i)]
        laid_out = torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape else tensor
        values.setdefault(int(i), {})[name] = laid_out
    optimizer.load_state_dict({**optimizer.state_dict(), "state": values})
