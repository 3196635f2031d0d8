"""The verbs of the command line: listed without importing them, and turned into flags when one is called."""

from __future__ import annotations

import functools
import importlib
import inspect
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import tyro

from lunette.public import Listed, verbs
from lunette.signatures import Argument, Flag, described

if TYPE_CHECKING:
    from lunette.uses.verb import Verb

METAVARS = {int: "INT", float: "FLOAT", str: "TEXT", Path: "PATH"}
GROUPS = ("train", "draw", "change", "measure", "take away", "data and machine")
OF_A_RECIPE = ("train", "tune")  # verbs whose flags depend on the recipe that is named first


@functools.cache
def listed() -> dict[str, Listed]:
    """Return all verbs by name, in the order of their groups; none is imported."""
    return {verb.name: verb for verb in sorted(verbs(), key=lambda verb: GROUPS.index(verb.group))}


def found(name: str) -> Verb:
    """Return a verb, with its signature."""
    importlib.import_module(listed()[name].module)
    from lunette.uses.verb import VERBS

    return VERBS[name]


@dataclass(frozen=True)
class Flags:
    """All that can be said about a verb, and what it is."""

    words: str  # that call it, such as train vae
    doc: str
    arguments: tuple[Argument, ...]

    def parser(self) -> type[Any]:
        """Return a dataclass whose fields are the flags."""
        return make_dataclass(self.words.title().replace(" ", ""), map(flag, self.arguments), kw_only=True)


def flags_of(verb: Verb) -> Flags:
    """Return a verb's flags: its parameters, what it takes beside them, and where a shell writes the result."""
    arguments = (*parameters_of(verb), *taken_by(verb), *places(verb))
    return Flags(verb.name, inspect.getdoc(verb.call) or "", arguments)


def training_flags(verb: Verb, recipe: str, preset: str | None = None) -> Flags:
    """Return all that can be said about training `recipe`, with a preset's defaults.

    They are the recipe's own arguments, those of the verb, and the data's and training's settings.
    """
    from lunette.recipes import arguments, summary
    from lunette.training import PRESETS

    changed = next((values for name, values in PRESETS.items() if name == preset), {})
    taken = [replace(a, default=changed.get(a.name, a.default)) for a in taken_by(verb)]
    own = [replace(a, default=()) if a.name == "vary" else a for a in parameters_of(verb) if a.name != "recipe"]
    doc = inspect.getdoc(verb.call) or ""
    known = (*arguments(recipe), *own, *taken)
    return Flags(f"{verb.name} {recipe}", f"{summary(recipe)}\n{doc.partition(chr(10))[2]}", known)


def parameters_of(verb: Verb) -> list[Argument]:
    """Return the parameters that a verb names."""
    kinds = inspect.signature(verb.call).parameters
    return [a for a in described(verb.call, "options") if kinds[a.name].kind != inspect.Parameter.VAR_KEYWORD]


def taken_by(verb: Verb) -> list[Argument]:
    """Return the settings that a verb takes beside them."""
    settings = [argument for kind in verb.takes for argument in described(kind, kind.group)]
    return [argument for argument in settings if argument.name not in verb.without]


def places(verb: Verb) -> list[Argument]:
    """Return the flags that say where to write the result."""
    helps = {
        "picture": "picture to write, .gif moves; by default in the run's pictures/",
        "folder": "folder to write each picture to; by default only a sheet in the run's pictures/",
        "sheet": "the contact sheet; by default contact-sheet.png",
        "page": "the page to write; by default comparison.html",
    }
    where = "result"
    flags = [Argument("out", Path | None, None, Flag(helps[verb.out], aliases=("-o",)), where)] if verb.out else []
    if verb.table:
        flags.append(Argument("csv", Path | None, None, Flag("write every picture's scores to this table"), where))
    if verb.out in ("picture", "folder"):
        flags.append(Argument("npz", Path | None, None, Flag("write the arrays to this .npz, too"), where))
    return flags


def flag(argument: Argument) -> tuple[str, Any, Any]:
    """Return a dataclass field that becomes a flag."""
    said = argument.flag
    kind = argument.type if said.kind is None else said.kind
    conf = tyro.conf.arg(name=said.name or None, aliases=list(said.aliases) or None, metavar=metavar_of(argument))
    marks = [conf]
    if said.metavar:
        marks.append(tyro.conf.Positional)
    if said.repeats:
        marks.append(tyro.conf.UseAppendAction)
    if argument.default is inspect.Parameter.empty:
        return argument.name, Annotated[(kind, *marks)], field()
    default = () if said.repeats and argument.default is None else argument.default
    return argument.name, Annotated[(kind, *marks)], field(default=default)


def metavar_of(argument: Argument) -> str:
    """Return what stands for the value of a flag, such as INT or {a,b}; empty for one that is on or off."""
    kind = argument.type if argument.flag.kind is None else argument.flag.kind
    return argument.flag.metavar or words_for(kind)


def words_for(kind: Any) -> str:
    """Return what stands for a value of a type."""
    if kind is bool:
        return ""
    origin, arguments = get_origin(kind), [each for each in get_args(kind) if each is not NoneType]
    if origin is Literal:
        return "{" + ",".join(map(str, arguments)) + "}"
    if origin in (Union, UnionType):
        return words_for(arguments[0])
    if origin is tuple:
        several = arguments[-1] is Ellipsis
        words = words_for(arguments[0])
        return f"{words} …" if several else " ".join(map(words_for, arguments))
    return METAVARS.get(kind, "TEXT")
