"""How far long work is: announced to whoever watches, who can also ask it to stop.

Both are ambient (context variables), so that no call has to hand them on.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from lunette.errors import Interrupted


@dataclass(frozen=True)
class Progress:
    """So many of so many parts of the work called `what` are done; `numbers` say how well, by name."""

    what: str
    done: int
    total: int | None  # None where it is not known
    numbers: Mapping[str, float] = field(default_factory=dict)


Watch = Callable[[object], None]  # is called with each Progress, and with each event of training

_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)
_stop: ContextVar[threading.Event | None] = ContextVar("stop", default=None)


@contextlib.contextmanager
def watched(watch: Watch | None) -> Iterator[None]:
    """Let `watch` see the news of all work within this context; None: nobody does. What it raises ends the work."""
    before = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(before)


@contextlib.contextmanager
def stopped_by(stop: threading.Event) -> Iterator[None]:
    """End the work within this context when `stop` is set, by any thread: training saves first, as after a signal."""
    before = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(before)


def current_watch() -> Watch | None:
    """Return who watches now."""
    return _watch.get()


def is_to_stop() -> bool:
    """Return whether somebody asked the work to stop."""
    stop = _stop.get()
    return stop is not None and stop.is_set()


def announce(news: object) -> None:
    """Tell whoever watches how far the work is, or what happened in training.

    Raises Interrupted after a Progress where the work is to stop. Training looks for itself, because it saves first.
    """
    if watch := _watch.get():
        watch(news)
    if isinstance(news, Progress) and is_to_stop():
        raise Interrupted("stopped, as asked", signal.SIGINT)


def counted(what: str, total: int) -> Callable[[], None]:
    """Return what announces, at each call, that one more of `total` parts of the work `what` is done."""
    done = itertools.count(1)
    return lambda: announce(Progress(what, next(done), total))
