"""How far long work is: what it tells whoever watches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """So many of so many parts of the work called `what` are done; `numbers` say how well, by name."""

    what: str
    done: int
    total: int | None  # None where it is not known
    numbers: Mapping[str, float] = field(default_factory=dict)


Watch = Callable[[Progress], None]


def unwatched(progress: Progress) -> None:
    """Be the watch of work that nobody watches."""


def counted(watch: Watch, what: str, total: int) -> Callable[[], None]:
    """Return what tells `watch`, at each call, that one more of `total` parts of the work `what` is done."""
    done = itertools.count(1)
    return lambda: watch(Progress(what, next(done), total))
