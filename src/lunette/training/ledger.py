"""The terms of the steps that were made, read now and then: to read a number waits for the GPU, or for the others."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lunette.compute import ProcessGroup
from lunette.training.position import Position

READ_EVERY = 50  # steps, where reading is not for nothing


class Ledger:
    """The images and the terms of the steps since the last `settle`."""

    def __init__(self, device: torch.device, group: ProcessGroup) -> None:
        self.group = group
        self.reads_each_step = device.type == "cpu" and group.size == 1
        self._unread: list[tuple[int, dict[str, Tensor]]] = []

    def is_due(self, step: int) -> bool:
        """Return whether what was noted is to be read after `step` steps."""
        return self.reads_each_step or step % READ_EVERY == 0

    def note(self, n: int, terms: dict[str, Tensor]) -> None:
        """Note a step on n images and this process's share of the means of its terms."""
        self._unread.append((n, terms))

    def settle(self, position: Position, learning_rate: float) -> None:
        """Add what was noted to the sums of the epoch; raises Diverged where a number is not finite."""
        if not self._unread:
            return
        values = self.group.sum(torch.stack([torch.stack(list(terms.values())) for _, terms in self._unread])).tolist()
        unread, self._unread = self._unread, []
        for i, ((n, terms), row) in enumerate(zip(unread, values, strict=True)):
            for name, value in zip(terms, row, strict=True):
                if not math.isfinite(value):
                    raise position.diverged(f"the {name} is {value}", learning_rate, len(unread) - i - 1)
                position.sums[name] = position.sums.get(name, 0.0) + value * n
