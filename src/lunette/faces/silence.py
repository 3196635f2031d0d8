"""A word now and then from work that has no news."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator

FIRST_SECONDS, LATER_SECONDS = 2.0, 30.0  # of silence, after which there is a line

_heard = 0.0  # when there were news last


def heard() -> None:
    """Note that the user saw something: the silence begins anew."""
    global _heard
    _heard = time.monotonic()


@contextlib.contextmanager
def broken(verb: str) -> Iterator[None]:
    """Say on stderr, after 2 seconds without news and then every 30, that a verb is at work."""
    done = threading.Event()
    heard()
    began, patience = _heard, FIRST_SECONDS

    def speak() -> None:
        nonlocal patience
        while not done.wait(max(0.1, _heard + patience - time.monotonic())):
            if time.monotonic() - _heard >= patience and is_heard():
                with contextlib.suppress(OSError, ValueError):  # a stream that is closed
                    print(f"{verb}: at work for {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                patience = LATER_SECONDS
                heard()

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        done.set()
        speaker.join()


def is_first() -> bool:
    """Return whether this is the first of several processes, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def has_last_word() -> bool:
    """Return whether this process tells how it ended: of several the first one does, or the one that launched them."""
    return is_first() and "LUNETTE_LAUNCHED" not in os.environ


def is_heard() -> bool:
    """Return whether this process speaks: of several the first does, and not the one that launched them."""
    return is_first() and ("RANK" in os.environ or "LUNETTE_LAUNCHED" not in os.environ)
