"""The one family of exceptions: each message says what was wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LunetteError(Exception):
    """A mistake that the user can mend; the command line prints its message and exits with `exit_code`."""

    exit_code = 2


class Diverged(LunetteError):
    """Training met a loss or gradient that is not finite; the last finite checkpoint is intact."""

    exit_code = 3


class Unsupported(LunetteError):
    """A model cannot do what was asked of it, whatever the arguments: it has no prior, or no density."""


class Interrupted(LunetteError):
    """A signal ended training, whose state was saved, or packing, of which nothing is left.

    The exit code is 128 + the signal's number.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal


class LunetteWarning(UserWarning):
    """Something was skipped or replaced, and the work goes on; the message names it."""


def unknown(kind: str, name: str, known: Iterable[str]) -> LunetteError:
    """Return the error for a name that is not one of `known`, with the nearest one as a suggestion."""
    known = sorted(known)
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = (
        f"; did you mean {nearest[0]!r}?"
        if nearest
        else f"; known are: {', '.join(known)}"
        if known
        else "; there is none"
    )
    return LunetteError(f"unknown {kind} {name!r}{hint}")
