"""What a signature says: the arguments of a function or the fields of a dataclass, with their help."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Flag:
    """How a parameter is said in a shell, where its name and its type do not say it."""

    help: str
    kind: Any = None  # the type that the words of the shell become; by default that of the parameter
    metavar: str = ""  # of one that has no dashes before it: it is said by its place
    name: str = ""
    aliases: tuple[str, ...] = ()
    repeats: bool = False
    group: str = ""  # of flags in the help; by default where it comes from
    common: bool = False  # whether a short help has it, too


@dataclass(frozen=True)
class Argument:
    """One argument of a function, or field of settings, as the signature says it."""

    name: str
    type: Any
    default: Any
    flag: Flag
    group: str = ""

    @property
    def help(self) -> str:
        """What it is, in a few words."""
        return self.flag.help


def described(function: Any, group: str = "") -> tuple[Argument, ...]:
    """Return the arguments of a function or the fields of a dataclass, with what stands beside their types.

    That is the help of one, or a `Flag`. Those that name no group are in `group`.
    """
    hints = get_type_hints(function, include_extras=True)
    found = []
    for parameter in inspect.signature(function).parameters.values():
        kind, said = hints.get(parameter.name, Any), ""
        if get_origin(kind) is Annotated:
            kind, said = get_args(kind)[:2]
        flag = said if isinstance(said, Flag) else Flag(said)
        found.append(Argument(parameter.name, kind, parameter.default, flag, flag.group or group))
    return tuple(found)
