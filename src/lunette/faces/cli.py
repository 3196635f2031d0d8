"""The command line: `lunette VERB …`."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import field, fields, make_dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from lunette.errors import LunetteError, LunetteWarning, unknown
from lunette.faces.commands import VERBS
from lunette.faces.commands.shared import MAX_RESTARTS, PROCESSES, told

if TYPE_CHECKING:
    from lunette.recipes import Argument

DESCRIPTION = "A window into your images' latent space: train any autoencoder on your own pictures, look through it."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code: 0, 2 for a user's mistake, 3 for divergence, 130 or 143 after a signal."""
    args = list(sys.argv[1:] if argv is None else argv)
    warnings.showwarning = show_warning
    try:
        if args[:1] in ([], ["-h"], ["--help"]):
            print(overview(), end="")
            return 0
        words = 2 if " ".join(args[:2]) in VERBS else 1
        verb = " ".join(args[:words])
        if verb not in VERBS:
            raise unknown("verb", verb, VERBS)
        if verb == "train":
            train(args[1:])
        else:
            tyro.cli(VERBS[verb], args=args[words:], prog=f"lunette {verb}")
    except LunetteError as error:
        place = f" (process {os.environ['RANK']})" if os.environ.get("RANK", "0") != "0" else ""
        print(f"lunette{place}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("lunette: stopped", file=sys.stderr)
        return 130
    return 0


def overview() -> str:
    """Return the help of the whole: what the verbs are, without reading the arguments of each."""
    width = max(map(len, VERBS)) + 2
    lines = [f"  {name:{width}}{(verb.__doc__ or '').splitlines()[0]}" for name, verb in VERBS.items()]
    usage = "usage: lunette VERB …\n\n" + DESCRIPTION + "\n\nverbs:\n"
    return usage + "\n".join(lines) + "\n\nlunette VERB --help says what a verb takes.\n"


def train(args: list[str]) -> None:
    """Train; the flags are the recipe's own arguments, training's and the data's."""
    from lunette.faces import python

    recipe, rest = (args[0], args[1:]) if args and not args[0].startswith("-") else ("vae", args)
    given = tyro.cli(train_flags(recipe, preset_of(rest)), args=rest, prog=f"lunette train {recipe}")
    settings = {f.name: getattr(given, f.name) for f in fields(given)}
    told(python.train(recipe, **settings).path)


def preset_of(args: list[str]) -> str | None:
    """Return the preset that the arguments name: it changes the defaults of the other flags."""
    for arg, following in pairwise([*args, ""]):
        if arg.startswith("--preset"):
            return arg.partition("=")[2] or following
    return None


def train_flags(recipe: str, preset: str | None = None) -> type[Any]:
    """Return a dataclass whose fields are all that can be said about training `recipe`, with a preset's defaults."""
    from lunette.images import DataSettings
    from lunette.recipes import RECIPES, Argument, arguments, described, summary
    from lunette.training import PRESETS, PresetName, TrainingSettings

    changed = next((values for name, values in PRESETS.items() if name == preset), {})
    training = [replace(a, default=changed.get(a.name, a.default)) for a in described(TrainingSettings)]
    data = "digits, moons, shapes, mnist, fashion-mnist, a folder of pictures, an .npz or .npy file, IDX files, a pack"
    own = (
        Argument("data", str, "digits", data),
        Argument("out", Path | None, None, "run folder; by default runs/RECIPE-DATA-NNN"),
        Argument("preset", PresetName | None, None, "other defaults for what is below; fast: good soonest"),
        Argument("processes", int | None, None, PROCESSES),
        Argument("max_restarts", int, 0, MAX_RESTARTS),
    )
    flags = map(flag, (*arguments(recipe), *own, *described(DataSettings), *training))
    return make_dataclass(
        "Train",
        flags,
        namespace={"__doc__": f"{summary(recipe)}\n\nOther recipes: {', '.join(sorted(RECIPES))}."},
    )


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
