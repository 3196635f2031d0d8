"""The command line: `lunette VERB …`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import Field, field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import tyro

from lunette.errors import LunetteError, LunetteWarning, unknown
from lunette.faces import commands

DESCRIPTION = "A window into your images' latent space: train any autoencoder on your own pictures, look through it."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code: 0, 2 for a user's mistake, 3 for divergence, 130 or 143 after a signal."""
    args = list(sys.argv[1:] if argv is None else argv)
    warnings.showwarning = show_warning
    try:
        if args and not args[0].startswith("-") and args[0] not in commands.VERBS:
            raise unknown("verb", args[0], commands.VERBS)
        if args[:1] == ["train"]:
            train(args[1:])
        else:
            tyro.extras.subcommand_cli_from_dict(
                commands.VERBS, prog="lunette", description=DESCRIPTION, args=args or ["--help"]
            )
    except LunetteError as error:
        print(f"lunette: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("lunette: stopped", file=sys.stderr)
        return 130
    return 0


def train(args: list[str]) -> None:
    """Train; the flags are the recipe's own arguments, training's and the data's."""
    from lunette.faces import python

    recipe, rest = (args[0], args[1:]) if args and not args[0].startswith("-") else ("vae", args)
    given = tyro.cli(train_flags(recipe), args=rest, prog=f"lunette train {recipe}")
    settings = {f.name: getattr(given, f.name) for f in fields(given)}
    commands.told(python.train(recipe, **settings).path)


def train_flags(recipe: str) -> type[Any]:
    """Return a dataclass whose fields are all that can be said about training `recipe`."""
    from lunette.images import DataSettings
    from lunette.recipes import RECIPES, arguments, summary
    from lunette.training import TrainingSettings

    data = "digits, moons, mnist, fashion-mnist, a folder of pictures, an .npz or .npy file, IDX files"
    flags = [flag(a.name, a.type, a.default, a.help) for a in arguments(recipe)]
    flags += [
        flag("data", str, "digits", data),
        flag("out", Path | None, None, "run folder; by default runs/RECIPE-DATA-NNN"),
    ]
    for settings in (DataSettings, TrainingSettings):
        hints = get_type_hints(settings, include_extras=True)
        flags += [flag(f.name, *_kind_default_help(f, hints)) for f in fields(settings)]
    return make_dataclass(
        "Train",
        flags,
        namespace={"__doc__": f"{summary(recipe)}\n\nOther recipes: {', '.join(sorted(RECIPES))}."},
    )


def flag(name: str, kind: Any, default: Any, text: str) -> tuple[str, Any, Any]:
    """Return a dataclass field that becomes a flag with its help."""
    aliases = ["-o"] if name == "out" else None
    return name, Annotated[kind, tyro.conf.arg(help=text, aliases=aliases)], field(default=default)


def _kind_default_help(f: Field[Any], hints: dict[str, Any]) -> tuple[Any, Any, str]:
    kind, text = get_args(hints[f.name])
    return kind, f.default, text


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
