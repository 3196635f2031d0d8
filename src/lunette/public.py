"""The public names and the verbs, and where they live: read from the sources, so that no module is imported."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parent


class Listed(NamedTuple):
    """What the help of all verbs says of one, and where it is."""

    name: str
    group: str
    summary: str
    module: str
    function: str
    of_run: bool  # whether it takes a run first


@functools.cache
def homes() -> dict[str, str]:
    """Return the module of each public name, as the stub `__init__.pyi` has them."""
    stub = (SOURCE / "__init__.pyi").read_text(encoding="utf-8")
    return {name: module for module, name in re.findall(r"^from (\S+) import (\w+) as \w+$", stub, re.MULTILINE)}


@functools.cache
def verbs_of_runs() -> tuple[str, ...]:
    """Return the functions that are verbs and take a run first: they are its methods, too."""
    return tuple(verb.function for verb in verbs() if verb.of_run)


@functools.cache
def verbs() -> tuple[Listed, ...]:
    """Return the functions below uses/ that are marked as verbs: @verb(NAME, GROUP, …)."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((SOURCE / "uses").rglob("*.py"))}
    return tuple(verb for path, text in texts.items() if "\n@verb(" in text for verb in verbs_in(path, text))


def verbs_in(path: Path, text: str) -> Iterator[Listed]:
    """Yield the verbs of one file."""
    import ast  # here, because `import lunette` need not wait for it

    module = ".".join(["lunette", *path.relative_to(SOURCE).with_suffix("").parts])
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "verb":
                takes_run = bool(node.args.args) and node.args.args[0].arg == "run"
                name, group = (ast.literal_eval(word) for word in mark.args)
                yield Listed(name, group, (ast.get_docstring(node) or "").split("\n")[0], module, node.name, takes_run)
