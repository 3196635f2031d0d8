"""The help of a verb: its flags in groups, within the width of the terminal, with an example."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from lunette.faces.verbs import GROUPS, OF_A_RECIPE, Flags, listed, metavar_of
from lunette.signatures import Argument

ASKED = ("-h", "--help", "--help-all")
DESCRIPTION = "A window into your images' latent space: train any autoencoder on your own pictures, look through it."
ORDER = ("options", "model", "direction", "data", "training", "machine", "result")
LEFT, WIDEST = 26, 110  # columns of the flags, and of a line


def overview() -> str:
    """Return the help of the whole: what the verbs are, by their groups."""
    width = max(map(len, listed())) + 2
    lines = ["usage: lunette VERB …", "", DESCRIPTION]
    for group in GROUPS:
        lines += ["", f"{group}:"]
        lines += [f"  {name:{width}}{verb.summary}" for name, verb in listed().items() if verb.group == group]
    lines += ["", "lunette VERB --help says what a verb takes; lunette --jsonl VERB … speaks JSON, for programs."]
    return "\n".join([*lines, ""])


def help_of(flags: Flags, whole: bool) -> str:
    """Return the help of one verb; of one with many flags only the common ones, unless the `whole` is asked for."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    named = [a.flag.metavar for a in flags.arguments if a.flag.metavar]
    summary, example = flags.doc.split("\n")[0], example_in(flags.doc)
    lines = [f"usage: lunette {' '.join([flags.words, *named, '[FLAGS]'])}", "", *textwrap.wrap(summary, width), ""]
    lines += [f"  {line}" for line in example]
    shown = (
        [a for a in flags.arguments if whole or a.flag.common] if any(a.flag.common for a in flags.arguments) else []
    )
    shown = shown or list(flags.arguments)
    for group in sorted({a.group for a in shown}, key=lambda name: (*ORDER, name).index(name)):
        lines += ["", f"{group}:"]
        lines += [line for a in shown if a.group == group for line in lines_for(a, width)]
    if len(shown) < len(flags.arguments):
        lines += ["", f"lunette {flags.words} --help-all lists all {len(flags.arguments)} flags."]
    if flags.words.split()[0] in OF_A_RECIPE:
        lines += ["" if whole else "lunette recipes lists the recipes, and lunette recipes NAME says more of one."]
    return "\n".join([*lines, ""])


def example_in(doc: str) -> list[str]:
    """Return the commands under "Example:" in a docstring."""
    _, found, after = doc.partition("\nExample:\n")
    return textwrap.dedent(after.split("\n\n")[0]).splitlines() if found else []


def lines_for(argument: Argument, width: int) -> Iterator[str]:
    """Yield a flag with its help, which begins on a line of its own where the flag is long."""
    help_ = argument.help + default_of(argument)
    words = words_of(argument)
    left = f"  {words:{LEFT}}"
    wrapped = textwrap.wrap(help_, max(20, width - LEFT - 2), break_on_hyphens=False) or [""]
    if len(words) < LEFT:
        yield left + wrapped.pop(0)
    else:
        yield left.rstrip()
    yield from (" " * (LEFT + 2) + line for line in wrapped)


def words_of(argument: Argument) -> str:
    """Return how a flag is written."""
    if argument.flag.metavar:
        return argument.flag.metavar
    name = (argument.flag.name or argument.name).strip("_").replace("_", "-")
    if argument.type is bool:
        return f"--[no-]{name}" if argument.default else f"--{name}"
    names = [*(alias for alias in argument.flag.aliases), f"--{name}"]
    return f"{', '.join(names)} {metavar_of(argument)}".rstrip()


def default_of(argument: Argument) -> str:
    """Return the default in brackets, where it says something."""
    default: Any = argument.default
    if default is inspect.Parameter.empty or default in (None, False, ()):
        return ""
    if default is True:
        return " [on]"
    shown = " ".join(map(str, default)) if isinstance(default, Sequence) and not isinstance(default, str) else default
    return f" [{shown}]"
