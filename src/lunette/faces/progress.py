"""How training looks in a terminal or a notebook: a bar with the time left, and a line an epoch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from importlib.util import find_spec
from types import TracebackType
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from lunette.faces.silence import FIRST_SECONDS, LATER_SECONDS, heard
from lunette.numbers import short
from lunette.objectives import unit_of
from lunette.progress import Progress as Work
from lunette.progress import current_watch, watched
from lunette.training import End, EpochEnd, Event, Metrics, Start, Step

LINES = 30  # at most so many epochs of a stage are printed, evenly spread, and always the last one
REFRESH_SECONDS = 0.2
AnyBar = TypeVar("AnyBar", bound="Bar")


def plain_console() -> Console:
    """Return where progress is shown; a notebook without ipywidgets, in which no bar can move, gets lines."""
    return Console(stderr=True, highlight=False, force_jupyter=None if find_spec("ipywidgets") else False)


class Bar:
    """A bar that comes with the first news, so that none stands before the message of a mistake: abstract in `show`.

    Where its terminal is gone it shows nothing, and the work goes on.
    """

    progress: Progress
    said: float | None = None  # when a line was printed last, or the first news came

    def say(self, words: str) -> None:
        """Print a line now and then where no bar is seen: in a pipe, a file or a job's log."""
        now = time.monotonic()
        waited = now - (self.said if self.said is not None else now)
        if self.said is None:
            self.said, self.patience = now, FIRST_SECONDS
        if not self.progress.console.is_terminal and waited >= self.patience:
            self.progress.console.print(words, soft_wrap=True)
            self.said, self.patience = now, LATER_SECONDS

    def __call__(self, news: Any) -> None:
        """Show what happened."""
        heard()
        with contextlib.suppress(OSError):
            self.show(news)

    def show(self, news: Any) -> None:
        """Show what happened, or raise OSError."""
        raise NotImplementedError

    def __enter__(self: AnyBar) -> AnyBar:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.progress.live.is_started:
            with contextlib.suppress(OSError):
                self.progress.stop()


class ProgressBar(Bar):
    """A watch for training's events; use it as a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or plain_console()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[terms]}"),
        )
        self.progress = Progress(*columns, console=self.console, transient=True)
        self.tasks: dict[str, TaskID] = {}
        self.refreshed = 0.0

    def show(self, event: Event) -> None:
        """Show an event."""
        self.progress.start()
        if isinstance(event, Start):
            self.console.print(start(event), soft_wrap=True)
        elif isinstance(event, Step):
            self._move(event)
        elif isinstance(event, EpochEnd):
            if event.epoch % -(-event.epochs // LINES) == 0 or event.epoch == event.epochs:
                self.console.print(line(event), soft_wrap=True)
        elif isinstance(event, End) and event.test:
            unit = f" ({event.test.unit})" if unit_of(*event.test.terms) else ""
            self.console.print(f"{event.reason}; test {numbers(event.test)}{unit}", soft_wrap=True)

    def _move(self, event: Step) -> None:
        now = time.monotonic()
        if now - self.refreshed < REFRESH_SECONDS:
            return
        self.refreshed = now
        if event.stage not in self.tasks:
            self.tasks[event.stage] = self.progress.add_task("", total=event.epochs * event.batches, terms="")
        terms = "  ".join(f"{name.replace('_', ' ')} {short(float(value))}" for name, value in event.terms.items())
        done = (event.epoch - 1) * event.batches + event.batch
        place = f"{event.stage + ' ' if event.stage else ''}epoch {event.epoch}/{event.epochs}"
        self.progress.update(self.tasks[event.stage], completed=done, description=place, terms=terms)
        self.say(f"{place}, step {event.batch:,} of {event.batches:,}  {terms}")


def start(event: Start) -> str:
    """Return what training runs on, in words."""
    group = f"{event.processes} processes, " if event.processes > 1 else ""
    threads = f"{event.threads} threads" if event.threads > 1 else "1 thread"
    precision = event.precision
    return f"on {event.device}, {group}{threads}, {precision.name} products ({precision.reason})"


class WorkBar(Bar):
    """A watch for long work: a bar for each part of it; use it as a context manager."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[how]}"),
        )
        self.progress = Progress(*columns, console=plain_console(), transient=True)
        self.tasks: dict[str, TaskID] = {}

    def show(self, at: Work) -> None:
        """Show how far a part of the work is."""
        self.progress.start()
        if at.what not in self.tasks:
            self.tasks[at.what] = self.progress.add_task(at.what, how="")
        how = "  ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in at.numbers.items())
        self.progress.update(self.tasks[at.what], completed=at.done, total=at.total, how=how)
        of = f" of {at.total:,}" if at.total else ""
        self.say(f"{at.what}: {at.done:,}{of}  {how}".rstrip())


def line(event: EpochEnd) -> str:
    """Return an epoch's line: means over the images of the whole epoch, not of its last batch."""
    train, validation = event.metrics["train"], event.metrics.get("validation")
    place = f"{event.stage + '  ' if event.stage else ''}epoch {event.epoch:>{len(str(event.epochs))}}/{event.epochs}"
    held_out = f"  validation {validation.loss:.2f}" if validation else ""
    return f"{place}  {numbers(train)}{held_out}  {train.seconds:.1f} s"


def numbers(metrics: Metrics) -> str:
    """Return the loss and, where it has several, its unweighted terms."""
    terms = "".join(f"  {name.replace('_', ' ')} {short(value)}" for name, value in metrics.terms.items())
    return f"loss {metrics.loss:.2f}" + (terms if len(metrics.terms) > 1 else "")


@contextlib.contextmanager
def showing() -> Iterator[None]:
    """Show the news of all work within this context, unless somebody watches it already."""
    if current_watch():
        yield
        return
    with contextlib.ExitStack() as stack:
        training, work = (stack.enter_context(bar) for bar in (ProgressBar(), WorkBar()))
        stack.enter_context(watched(lambda news: (work if isinstance(news, Work) else training)(news)))
        yield
