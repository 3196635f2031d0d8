"""Posteriors and priors are named by a NAME or NAME:NUMBER."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from lunette.errors import LunetteError, unknown


class Numbered(Protocol):
    """A class that says which number follows its name, if one does."""

    number: type[int] | type[float] | None


T = TypeVar("T", bound=Numbered)


def read_spec(kind: str, spec: str, known: Mapping[str, T]) -> tuple[T, tuple[Any, ...]]:
    """Return the class that `spec` names, and its number if it has one; `kind` is for messages.

    Raises LunetteError for an unknown name, and for a number that is missing, needless or too small: a whole one
    counts something, from 1; any other is greater than 0.
    """
    name, colon, text = spec.partition(":")
    if name not in known:
        raise unknown(kind, name, known)
    read = known[name].number
    if read is None:
        if colon:
            raise LunetteError(f"{kind} {name} takes no number: write {name!r}, not {spec!r}")
        return known[name], ()
    try:
        number = read(text)
    except ValueError:
        number = read(0)
    if not 0 < number < math.inf:
        what = "a whole number of 1 or more, like" if read is int else "a number greater than 0, like"
        raise LunetteError(f"{kind} {name} needs {what} {name}:{read(8)}, not {spec!r}")
    return known[name], (number,)
