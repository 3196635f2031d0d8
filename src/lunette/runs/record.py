"""Writes what training yields into the run folder, so that it can go on after any interruption."""

from __future__ import annotations

import dataclasses
import signal
import time
import warnings
from collections.abc import Generator

from lunette.errors import Interrupted, LunetteError, LunetteWarning
from lunette.names import quoted
from lunette.progress import is_to_stop
from lunette.results.evaluation import REPORT
from lunette.runs.checkpoints import Checkpoint
from lunette.runs.run import METRICS, Run, load_weights
from lunette.runs.signals import Signals
from lunette.training import End, EpochEnd, Event, Metrics, Position, Step, Training

SAVE_SECONDS = 300.0  # within a long epoch, a checkpoint at least this often


def record(run: Run, training: Training) -> Generator[Event, None, None]:
    """Yield the events of `training`, each after it is safe on the disk; the caller holds the run's lock.

    There is a checkpoint before the first step, after every epoch and every 300 s. SIGINT, SIGTERM and SIGHUP save
    after the running step (on a GPU, or with several processes, at the next one that is settled) and raise
    Interrupted. The End carries the test metrics of the final weights: with patience those of the best epoch,
    else the last epoch's. All processes of a group do this in step, and the first of them writes.
    """
    group = training.group
    rows = run.metrics()
    saved = time.monotonic()
    with Signals() as signals:
        if not run.checkpoints.names():
            save(run, training, len(rows))
        for event in training.events():
            if isinstance(event, EpochEnd):
                rows += [row(event.epoch, event.step, split, m, event.stage) for split, m in event.metrics.items()]
                write_rows(run, training, rows)
                save(run, training, len(rows), event.best)
                saved = time.monotonic()
            elif isinstance(event, End):
                event = finish(run, training, event, rows)
            yield event
            if isinstance(event, End):
                return
            if isinstance(event, Step) and not event.settled:
                continue
            # After the yield: a signal may have come while the event was watched.
            due = group.leads and time.monotonic() - saved > SAVE_SECONDS
            # One number for all processes: 1 where a checkpoint is due, above that a signal (SIGHUP itself is 1).
            asked = signals.received or (signal.SIGINT if is_to_stop() else None)
            wanted = group.largest(1 + asked if asked else int(due))
            if wanted and isinstance(event, Step):
                save(run, training, len(rows))
                saved = time.monotonic()
            if wanted > 1:
                raise interrupted(run, training, wanted - 1)


def interrupted(run: Run, training: Training, number: int) -> Interrupted:
    """Return the exception that says where a signal stopped training, and how to go on."""
    position = training.position
    where = f"in epoch {position.epoch + 1}" if position.batch else f"at the end of epoch {position.epoch}"
    saved = f"{signal.Signals(number).name}: saved {where}, after step {position.step}"
    return Interrupted(f"{saved}; go on with: lunette resume {quoted(run.path)}", number)


def save(run: Run, training: Training, rows: int, best: bool = False) -> None:
    """Save a checkpoint of `training`; `rows` says how many rows of metrics.jsonl came before it."""
    training.check_finite()
    state = {"rows": rows, "position": dataclasses.asdict(training.position)}
    # All processes have to put together what each keeps a part of.
    checkpoint = Checkpoint(training.model_state(), training.optimizer_state(), state)
    if training.group.leads:
        run.checkpoints.save(checkpoint, best)


def write_rows(run: Run, training: Training, rows: list[dict[str, object]]) -> None:
    """Write the metrics, if this is the process that writes."""
    if training.group.leads:
        run.write_metrics(rows)


def restore(run: Run, training: Training) -> None:
    """Put `training` where the run's last whole checkpoint was, and drop the metrics that came after it."""
    if run.dataset.facts["sha256"] != run.settings.facts["sha256"]:
        raise LunetteError(f"cannot go on: the data in {run.settings.source} changed since {run.path} was begun")
    checkpoint = None
    if training.group.leads and (run.checkpoints.names() or run.checkpoints.pointer("last")):
        checkpoint = run.checkpoints.load("last")
        past_main = checkpoint.state["position"]["stage"] > len(training.recipe.stages)
        if past_main and training.settings.epochs != run.settings.training.epochs:
            raise LunetteError(
                f"{run.path} has begun to train its {training.recipe.after[0].name} on the model as it is, and more "
                "epochs would change that: train anew with more --epochs"
            )
        (run.path / REPORT).unlink(missing_ok=True)
        run.checkpoints.drop_after(checkpoint.name)
        rows = run.metrics()
        if len(rows) < checkpoint.state["rows"]:
            words = f"{run.path / METRICS} has lost {checkpoint.state['rows'] - len(rows)} rows: they stay missing"
            warnings.warn(words, LunetteWarning, stacklevel=2)
        run.write_metrics(rows[: checkpoint.state["rows"]])
    training.group.wait()
    if not training.group.leads and run.checkpoints.names():
        checkpoint = run.checkpoints.load("last")
    if checkpoint is None:
        return  # stopped before the first checkpoint: the seed gives the same beginning again
    load_weights(training.load_model, checkpoint)
    training.restore(Position(**checkpoint.state["position"]), checkpoint.optimizer)
    training.group.wait()


def finish(run: Run, training: Training, end: End, rows: list[dict[str, object]]) -> End:
    """Settle on the final weights, measure them on the test pictures, and write that row."""
    epoch, step = end.epoch, training.position.step
    if training.settings.patience:
        training.group.wait()
        checkpoint = run.checkpoints.load("best")
        load_weights(training.load_model, checkpoint)
        if training.group.leads:
            run.checkpoints.point("last", checkpoint.name)
        epoch, step = (checkpoint.state["position"][key] for key in ("epoch", "step"))
    test = training.measure(run.dataset.test)
    write_rows(run, training, [*rows, row(epoch, step, "test", test)])
    return dataclasses.replace(end, epoch=epoch, test=test)


def row(epoch: int, step: int, split: str, metrics: Metrics, stage: str = "") -> dict[str, object]:
    """Return a row of metrics.jsonl: terms by name in nats an image, unweighted, with their weights beside."""
    place = {"epoch": epoch, "step": step, "split": split} | ({"stage": stage} if stage else {})
    terms = {"loss": metrics.loss, **metrics.terms, "weights": dict(metrics.weights)}
    return {**place, **terms, "seconds": round(metrics.seconds, 3)}
