"""A verb called from Python: with a bar, a signature that is easily read, and help that lists its arguments."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from lunette.faces.progress import showing
from lunette.signatures import Argument, Flag, described
from lunette.uses.verb import VERBS

Returned = TypeVar("Returned")
PROGRESS = Argument("progress", bool, True, Flag("show how far it is"))


def shown(use: Callable[..., Returned]) -> Callable[..., Returned]:
    """Return a verb with a bar that shows how far it is, unless `progress` is False."""

    @functools.wraps(use)
    def verb(*args: Any, progress: bool = True, **settings: Any) -> Returned:
        with showing() if progress else contextlib.nullcontext():
            return use(*args, **settings)

    own = [p.replace(annotation=inspect.Parameter.empty) for p in inspect.signature(use).parameters.values()]
    rest = [own.pop()] if own and own[-1].kind == inspect.Parameter.VAR_KEYWORD else []
    asked = inspect.Parameter(PROGRESS.name, inspect.Parameter.KEYWORD_ONLY, default=PROGRESS.default)
    verb.__signature__ = inspect.Signature([*own, asked, *rest])  # type: ignore[attr-defined]
    text, heading, after = split(inspect.getdoc(use) or "")
    lines = [text, "", "Args:", *lines_of([*described(use), PROGRESS])]
    for kind in next((known.takes for known in VERBS.values() if known.call is use), ()):
        lines += ["", f"Settings, the fields of {kind.__name__}:", *lines_of(described(kind))]
    verb.__doc__ = "\n".join(lines) + heading + after
    return verb


def split(doc: str) -> tuple[str, str, str]:
    """Part a docstring before what it raises, or before its example: there arguments are listed."""
    for each in ("Raises", "Example"):
        text, heading, rest = doc.partition(f"\n\n{each}:")
        if heading:
            return text, heading, rest
    return doc, "", ""


def lines_of(arguments: list[Argument] | tuple[Argument, ...]) -> Iterator[str]:
    """Yield a line of help for each argument that has one."""
    for argument in arguments:
        text = argument.help
        if text:
            has_default = argument.default not in (None, (), inspect.Parameter.empty)
            default = f" (default: {argument.default})" if has_default else ""
            yield f"    {argument.name}: {text}{default}"
