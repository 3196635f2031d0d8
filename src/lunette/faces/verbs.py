"""The verbs of the command line: listed without importing them, and turned into flags when one is called."""

from __future__ import annotations

import functools
import importlib
import inspect
from dataclasses import field, make_dataclass, replace
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import tyro

from lunette.public import Listed, verbs

if TYPE_CHECKING:
    from lunette.recipes import Argument
    from lunette.uses.verb import Verb

METAVARS = {int: "INT", float: "FLOAT", str: "TEXT", Path: "PATH"}
GROUPS = ("train", "draw", "change", "measure", "take away", "data and machine")


@functools.cache
def listed() -> dict[str, Listed]:
    """Return all verbs by name, in the order of their groups; none is imported."""
    return {verb.name: verb for verb in sorted(verbs(), key=lambda verb: GROUPS.index(verb.group))}


def found(name: str) -> Verb:
    """Return a verb, with its signature."""
    importlib.import_module(listed()[name].module)
    from lunette.uses.verb import VERBS

    return VERBS[name]


def flags_of(verb: Verb) -> type[Any]:
    """Return a dataclass whose fields are a verb's flags: its parameters, and where a shell writes the result."""
    doc = (verb.call.__doc__ or "").split("\n\n")[0]
    return made(verb.call.__name__, [*parameters_of(verb), *taken_by(verb), *places(verb)], doc)


def parameters_of(verb: Verb) -> list[Argument]:
    """Return the parameters that a verb names."""
    from lunette.recipes import described

    kinds = inspect.signature(verb.call).parameters
    return [a for a in described(verb.call) if kinds[a.name].kind != inspect.Parameter.VAR_KEYWORD]


def taken_by(verb: Verb) -> list[Argument]:
    """Return the settings that a verb takes beside them."""
    from lunette.recipes import described

    return [argument for kind in verb.takes for argument in described(kind) if argument.name not in verb.without]


def places(verb: Verb) -> list[Argument]:
    """Return the flags that say where to write the result."""
    from lunette.recipes import Argument
    from lunette.uses.verb import Flag

    helps = {
        "picture": "picture to write, .gif moves; by default in the run's pictures/",
        "folder": "folder to write each picture to; by default only a sheet in the run's pictures/",
        "sheet": "the contact sheet; by default contact-sheet.png",
        "page": "the page to write; by default comparison.html",
    }
    flags = [Argument("out", Path | None, None, Flag(helps[verb.out], aliases=("-o",)))] if verb.out else []
    if verb.table:
        flags.append(Argument("csv", Path | None, None, "write every picture's scores to this table"))
    if verb.out in ("picture", "folder"):
        flags.append(Argument("npz", Path | None, None, "write the arrays to this .npz, too"))
    return flags


def made(name: str, arguments: list[Argument], doc: str) -> type[Any]:
    """Return a dataclass of flags."""
    return make_dataclass(name, map(flag, arguments), kw_only=True, namespace={"__doc__": doc})


def flag(argument: Argument) -> tuple[str, Any, Any]:
    """Return a dataclass field that becomes a flag with its help."""
    from lunette.uses.verb import Flag

    said = argument.help if isinstance(argument.help, Flag) else Flag(argument.help)
    kind = argument.type if said.kind is None else said.kind
    conf = tyro.conf.arg(
        help=said.help,
        name=said.name or None,
        aliases=list(said.aliases) or None,
        metavar=said.metavar or metavar_of(kind),
        help_behavior_hint="" if argument.default in (None, ()) else None,
    )
    marks = [conf]
    if said.metavar:
        marks.append(tyro.conf.Positional)
    if said.repeats:
        marks.append(tyro.conf.UseAppendAction)
    if argument.default is inspect.Parameter.empty:
        return argument.name, Annotated[(kind, *marks)], field()
    default = () if said.repeats and argument.default is None else argument.default
    return argument.name, Annotated[(kind, *marks)], field(default=default)


def metavar_of(kind: Any) -> str | None:
    """Return what stands for a value that may be left out, such as INT; None where it is said well by itself."""
    kinds = [each for each in get_args(kind) if each is not NoneType]
    if len(kinds) == len(get_args(kind)):
        return None
    choices = [str(choice) for each in kinds if get_origin(each) is Literal for choice in get_args(each)]
    return "{" + ",".join(choices) + "}" if choices else METAVARS.get(kinds[0])


def training_flags(verb: Verb, recipe: str, preset: str | None = None) -> type[Any]:
    """Return a dataclass whose fields are all that can be said about training `recipe`, with a preset's defaults.

    They are the recipe's own arguments, those of the verb, and the data's and training's settings.
    """
    from lunette.recipes import RECIPES, arguments, summary
    from lunette.training import PRESETS

    changed = next((values for name, values in PRESETS.items() if name == preset), {})
    taken = [replace(a, default=changed.get(a.name, a.default)) for a in taken_by(verb)]
    own = [replace(a, default=()) if a.name == "vary" else a for a in parameters_of(verb) if a.name != "recipe"]
    doc = f"{summary(recipe)}\n\nOther recipes: {', '.join(sorted(RECIPES))}."
    return made(verb.name.title(), [*arguments(recipe), *own, *taken], doc)
