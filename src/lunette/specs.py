"""What a NAME or NAME:TEXT means: a registry for each kind of thing, and one reader for all of them."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from lunette.errors import LunetteError, unknown

T = TypeVar("T")
Made = TypeVar("Made")


class Takes(Protocol):
    """What may follow a name and a colon."""

    def read(self, kind: str, name: str, text: str | None) -> tuple[Any, ...]:
        """Return the arguments that `text` means, which is None where there is no colon.

        Raises:
            LunetteError: the text is missing, needless, or means nothing.
        """
        ...


class Nothing:
    """Nothing may follow the name."""

    def read(self, kind: str, name: str, text: str | None) -> tuple[Any, ...]:
        """Return no argument."""
        if text is None:
            return ()
        raise LunetteError(f"{kind} {name} takes no number: write {name!r}, not '{name}:{text}'")


class Number:
    """A number greater than 0 such as `example`; a whole one where that is whole. It may be left out if `optional`."""

    def __init__(self, example: float, optional: bool = False) -> None:
        self.example = example
        self.optional = optional

    def read(self, kind: str, name: str, text: str | None) -> tuple[Any, ...]:
        """Return the number, or nothing where it is left out."""
        if text is None and self.optional:
            return ()
        try:
            number = type(self.example)(text or "")
        except ValueError:
            number = 0
        if not 0 < number < math.inf:
            what = "a whole number of 1 or more" if isinstance(self.example, int) else "a number greater than 0"
            given = name if text is None else f"{name}:{text}"
            raise LunetteError(f"{kind} {name} needs {what}, like {name}:{self.example}, not {given!r}")
        return (number,)


NOTHING = Nothing()


class Registry(dict[str, T]):
    """The things of one `kind` by their names; each registers itself, so that a new one is a file of its own."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self._takes: dict[str, Takes] = {}

    def register(self, name: str, takes: Takes = NOTHING) -> Callable[[Made], Made]:
        """Return the decorator that lets `name` mean what it decorates."""

        def keep(made: Made) -> Made:
            self[name], self._takes[name] = made, takes  # type: ignore[assignment]
            return made

        return keep

    def read(self, spec: str) -> tuple[T, tuple[Any, ...]]:
        """Return what `spec` names, as NAME or NAME:TEXT, and the arguments that its text means.

        Raises:
            LunetteError: the name is unknown, or the text is not what may follow it.
        """
        name, colon, text = spec.partition(":")
        if name not in self:
            raise unknown(self.kind, name, self)
        return self[name], self._takes[name].read(self.kind, name, text if colon else None)

    def name_of(self, made: object) -> str:
        """Return the name that means `made`, or the one that it has in Python where none does."""
        return next((name for name, each in self.items() if each is made), getattr(made, "__name__", str(made)))


def import_all(package: str) -> None:
    """Import every module below a package: what they define registers itself."""
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, f"{package}."):
        importlib.import_module(found.name)
