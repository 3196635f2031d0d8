"""A verb called from a shell: its flags read, its place checked, its result printed and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from lunette.errors import LunetteError, unknown
from lunette.faces.help import ASKED, help_of
from lunette.faces.silence import has_last_word, is_first
from lunette.faces.verbs import OF_A_RECIPE, flags_of, found, listed, places, training_flags
from lunette.files import check_free, check_writable

if TYPE_CHECKING:
    from lunette.uses.verb import Verb


RENAMED = {("edit", "--drift"): "--effects", ("edit", "--no-drift"): "--no-effects"}  # flags of verbs


@dataclass(frozen=True)
class Place:
    """Where a shell wants the result of a verb."""

    out: Path | None = None
    npz: Path | None = None
    csv: Path | None = None


def verb_in(words: list[str]) -> tuple[str, list[str]]:
    """Part the name of a verb from what it is given; raises LunetteError for none that is known."""
    length = 2 if " ".join(words[:2]) in listed() else 1
    if (name := " ".join(words[:length])) not in listed():
        raise unknown("verb", name, listed())
    return name, words[length:]


def call(name: str, words: list[str]) -> tuple[Any, list[Path]]:
    """Run the verb called `name` with the words of a shell and print its result; return it, and its files."""
    verb = found(name)
    check_current(name, words)
    recipe, words = recipe_of(words) if name in OF_A_RECIPE else ("", words)
    flags = training_flags(verb, recipe, preset_of(words)) if recipe else flags_of(verb)
    if asked := [word for word in words if word in ASKED]:
        print(help_of(flags, whole="--help-all" in asked), end="")
        raise SystemExit(0)
    given = values_of(tyro.cli(flags.parser(), args=words, prog=f"lunette {flags.words}", add_help=False))
    given |= {"recipe": recipe} if recipe else {}
    given |= {"vary": pairs(given["vary"])} if name == "tune" else {}
    place = place_of(verb, given)
    check_place(verb, given, place)
    from lunette.faces.progress import showing
    from lunette.faces.terminal import say

    with showing():
        result = verb.call(**given)
    # Written before anything is said: whoever reads the output may be gone.
    paths = written(verb, result, given, place) if verb.out and is_first() else []
    if has_last_word():
        say(result)
        if paths:
            print(*paths, sep="\n")
    made = result if isinstance(result, Path) else getattr(result, "path", None)  # a run, a study
    return result, [*paths, *([made] if made else [])]


def check_current(name: str, words: Sequence[str]) -> None:
    """Raise LunetteError for a flag that has another name by now."""
    for word in words:
        flag = word.partition("=")[0]
        if now := RENAMED.get((name, flag)):
            raise LunetteError(f"{flag} is called {now} now: write lunette {name} … {now}")


def place_of(verb: Verb, given: dict[str, Any]) -> Place:
    """Take what says where the result is to be from the flags that are `given`."""
    where = {flag.name: given.pop(flag.name) for flag in places(verb)}
    endings = {name: ending(path, f".{name}") for name, path in where.items() if path and name != "out"}
    return Place(**{**where, **endings})


def check_place(verb: Verb, given: dict[str, Any], place: Place) -> None:
    """Raise LunetteError, before any work, where the result cannot be written where it is to be."""
    from lunette.results.result import check_name
    from lunette.uses.compare.compare import check_page

    if place.out and verb.out == "folder":
        check_free(place.out)
    elif place.out and verb.out == "page":
        check_page(place.out)
    elif place.out and not (verb.table and place.out.suffix.lower() == ".csv"):
        check_name(place.out)
    elif not place.out and verb.out in ("picture", "folder") and is_first() and given["run"].is_dir():
        check_writable(given["run"] / "pictures", "choose another place with --out")


def written(verb: Verb, result: Any, given: dict[str, Any], place: Place) -> list[Path]:
    """Write a result, to a place of its own where none is named; return the paths."""
    from lunette.results.result import free_place

    if verb.out == "page":
        return [result.save(place.out or free_place(Path(), "comparison", ".html"))]
    if verb.out == "sheet":
        from lunette.uses.data.data import place_of_sheet

        return [result.sheet.save(place.out or place_of_sheet(given["source"]))]
    if verb.out == "folder" and place.out:
        paths = [result.save_folder(place.out)]
    else:
        from lunette.runs import Run

        paths = [result.save(place.out or free_place(Run(given["run"]).pictures, verb.name, ".png"))]
    return paths + [result.save(path) for path in (place.npz, place.csv) if path]


def ending(path: Path, suffix: str) -> Path:
    """Return the name of a file with its suffix; raises LunetteError where it is a folder's."""
    file = path if path.suffix == suffix else Path(f"{path}{suffix}")
    if path.name in ("", "..") or file.is_dir():
        raise LunetteError(f"{path} is a folder: name a file in it, such as {path / f'scores{suffix}'}")
    return file


def recipe_of(args: list[str]) -> tuple[str, list[str]]:
    """Part the recipe, by default vae, from the flags."""
    return (args[0], args[1:]) if args and not args[0].startswith("-") else ("vae", args)


def preset_of(args: list[str]) -> str | None:
    """Return the preset that the arguments name: it changes the defaults of the other flags."""
    for arg, following in pairwise([*args, ""]):
        if arg.startswith("--preset"):
            return arg.partition("=")[2] or following
    return None


def pairs(words: Sequence[str]) -> dict[str, str]:
    """Return NAME=VALUES by name; raises LunetteError for a word that is no such pair, and for a name given twice."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals or name.replace("-", "_") in found:
            raise LunetteError(f"cannot vary {word!r}: write each name once, as NAME=LOW..HIGH or NAME=CHOICE,CHOICE")
        found[name.replace("-", "_")] = values
    return found


def values_of(given: Any) -> dict[str, Any]:
    """Return the flags as they were given, by name."""
    return dict(vars(given))
