"""Where training is."""

from __future__ import annotations

from dataclasses import dataclass, field

from lunette.errors import Diverged


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

    def next_stage(self) -> Position:
        """Return the beginning of the stage after this one."""
        return Position(self.stage + 1, step=self.step)

    def diverged(self, what: str, learning_rate: float, steps_ago: int = 0) -> Diverged:
        """Return the exception that says what is not finite, since which step, and what to try."""
        return Diverged(
            f"training diverged at step {self.step - steps_ago}, in epoch {self.epoch + 1}: {what}; the last "
            f"checkpoint is of finite weights, and intact. Likely causes: the learning rate {learning_rate:g} is too "
            "high (try a tenth, or --clip 1), or a learned scale or variance went to 0 (fix it, like normal:0.1)"
        )
