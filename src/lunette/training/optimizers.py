"""Optimisers by name."""

from __future__ import annotations

from torch import nn, optim

from lunette.training.settings import TrainingSettings

SGD_MOMENTUM = 0.9


def make_optimizer(parameters: list[nn.Parameter], settings: TrainingSettings) -> optim.Optimizer:
    """Return the optimiser of `parameters`; the loop sets its learning rate each step."""
    rate = settings.learning_rate
    if settings.optimizer == "rmsprop":
        return optim.RMSprop(parameters, rate)
    if settings.optimizer == "sgd":
        return optim.SGD(parameters, rate, momentum=SGD_MOMENTUM, fused=True)
    kind = {"adam": optim.Adam, "adamw": optim.AdamW}[settings.optimizer]
    return kind(parameters, rate, fused=True)
