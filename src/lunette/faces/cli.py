"""The command line: `lunette VERB …`."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, make_dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from lunette.errors import LunetteError, LunetteWarning, unknown
from lunette.faces.commands import VERBS
from lunette.faces.commands.shared import MAX_RESTARTS, PROCESSES, told
from lunette.faces.silence import broken as broken_silence
from lunette.names import lenient, quoted

if TYPE_CHECKING:
    from lunette.recipes import Argument

DESCRIPTION = "A window into your images' latent space: train any autoencoder on your own pictures, look through it."
SPINS = "1000"  # of GNU's threads: as fast alone as the default, and it hardly disturbs others


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code: 0, 2 for a user's mistake, 3 for divergence, 128 + N after the signal N."""
    args = list(sys.argv[1:] if argv is None else argv)
    warnings.showwarning = show_warning
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of oddities in pictures that it reads all the same
    wait_briefly()
    take_all_signs()
    try:
        if args[:1] in ([], ["-h"], ["--help"]):
            print(overview(), end="")
            return 0
        words = 2 if " ".join(args[:2]) in VERBS else 1
        verb = " ".join(args[:words])
        if verb not in VERBS:
            raise unknown("verb", verb, VERBS)
        with broken_silence(verb):
            if verb in ("train", "tune"):
                {"train": train, "tune": tune}[verb](*recipe_of(args[1:]))
            else:
                tyro.cli(VERBS[verb], args=args[words:], prog=f"lunette {verb}")
    except LunetteError as error:
        place = f" (process {os.environ['RANK']})" if os.environ.get("RANK", "0") != "0" else ""
        with contextlib.suppress(OSError):  # after a hang-up nobody hears it
            print(f"lunette{place}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("lunette: stopped", file=sys.stderr)
        return 130
    return 0


def take_all_signs() -> None:
    """Let output take names that are no UTF-8, and signs that it lacks: they must not end work that is done."""
    codecs.register_error("lunette.lenient", lenient)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="lunette.lenient")


def wait_briefly() -> None:
    """Let threads that have nothing to do sleep soon, before torch is there to read this.

    By default they turn in circles for milliseconds on cores that others need: a convolutional training beside another
    took five times as long as alone (benchmarks/threads.py).
    """
    if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        os.environ["GOMP_SPINCOUNT"] = SPINS


def overview() -> str:
    """Return the help of the whole: what the verbs are, without reading the arguments of each."""
    width = max(map(len, VERBS)) + 2
    lines = [f"  {name:{width}}{(verb.__doc__ or '').splitlines()[0]}" for name, verb in VERBS.items()]
    usage = "usage: lunette VERB …\n\n" + DESCRIPTION + "\n\nverbs:\n"
    return usage + "\n".join(lines) + "\n\nlunette VERB --help says what a verb takes.\n"


def recipe_of(args: list[str]) -> tuple[str, list[str]]:
    """Part the recipe, by default vae, from the flags."""
    return (args[0], args[1:]) if args and not args[0].startswith("-") else ("vae", args)


def train(recipe: str, args: list[str]) -> None:
    """Train; the flags are the recipe's own arguments, training's and the data's."""
    from lunette.faces import python

    given = tyro.cli(train_flags(recipe, preset_of(args)), args=args, prog=f"lunette train {recipe}")
    told(python.train(recipe, **values_of(given)).path)


def tune(recipe: str, args: list[str]) -> None:
    """Search; the flags are those of training, which are the same for all trials, and what to vary."""
    from lunette.faces import python
    from lunette.faces.tables import study_table

    settings = values_of(tyro.cli(tune_flags(recipe), args=args, prog=f"lunette tune {recipe}"))
    found = python.tune(recipe, vary=pairs(settings.pop("vary")), **settings)
    study_table(found)
    print(f"picture   {found.save(found.path / 'study.png')}")
    resuming = f"lunette resume {quoted(found.best.path)}"
    print(f"the best  {resuming}  (measures it on test pictures, draws, and writes its report)")
    print(f"or anew   {found.command}")


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
    return {f.name: getattr(given, f.name) for f in fields(given)}


def preset_of(args: list[str]) -> str | None:
    """Return the preset that the arguments name: it changes the defaults of the other flags."""
    for arg, following in pairwise([*args, ""]):
        if arg.startswith("--preset"):
            return arg.partition("=")[2] or following
    return None


def train_flags(recipe: str, preset: str | None = None) -> type[Any]:
    """Return a dataclass whose fields are all that can be said about training `recipe`, with a preset's defaults."""
    from lunette.recipes import Argument
    from lunette.training import PRESETS, PresetName

    own = (
        Argument("out", Path | None, None, "run folder; by default runs/RECIPE-DATA-NNN"),
        Argument("preset", PresetName | None, None, "other defaults for what is below; fast: good soonest"),
        Argument("processes", int | None, None, PROCESSES),
        Argument("max_restarts", int, 0, MAX_RESTARTS),
    )
    return flags_of("Train", recipe, own, next((values for name, values in PRESETS.items() if name == preset), {}))


def tune_flags(recipe: str) -> type[Any]:
    """Return a dataclass whose fields are all that can be said about a search for the best settings of `recipe`."""
    from lunette.recipes import Argument

    vary = "NAME=LOW..HIGH or NAME=CHOICE,CHOICE, one or more: latent=2..64 network=mlp:200,mlp:400"
    own = (
        Argument("vary", tuple[str, ...], (), vary),
        Argument("trials", int, 20, "in all: a study that has fewer goes on"),
        Argument("out", Path | None, None, "folder of the study; by default studies/RECIPE-DATA"),
    )
    return flags_of("Tune", recipe, own, {})


def flags_of(name: str, recipe: str, own: Sequence[Argument], changed: Mapping[str, Any]) -> type[Any]:
    """Return a dataclass of flags: the recipe's, the data's, a verb's `own` and training's, with `changed` defaults."""
    from lunette.images import DataSettings
    from lunette.recipes import RECIPES, Argument, arguments, described, summary
    from lunette.training import TrainingSettings

    training = [replace(a, default=changed.get(a.name, a.default)) for a in described(TrainingSettings)]
    text = "digits, moons, shapes, mnist, fashion-mnist, a folder of pictures, an .npz or .npy file, IDX files, a pack"
    data = Argument("data", str, "digits", text)
    flags = map(flag, (*arguments(recipe), data, *own, *described(DataSettings), *training))
    doc = f"{summary(recipe)}\n\nOther recipes: {', '.join(sorted(RECIPES))}."
    return make_dataclass(name, flags, namespace={"__doc__": doc})


def flag(argument: Argument) -> tuple[str, Any, Any]:
    """Return a dataclass field that becomes a flag with its help."""
    conf = tyro.conf.arg(help=argument.help, aliases=["-o"] if argument.name == "out" else None)
    return argument.name, Annotated[argument.type, conf], field(default=argument.default)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Print our own warnings as a line, others as Python does."""
    own = issubclass(category, LunetteWarning)
    text = (
        f"lunette: warning: {message}\n" if own else warnings.formatwarning(message, category, filename, lineno, line)
    )
    (file or sys.stderr).write(text)


if __name__ == "__main__":
    sys.exit(main())
