"""What Lunette wrote, read back: as it was written, or an error names the file and the mend.

Text carries a SHA-256 of its own content, so that what changes its meaning and not its form is found, too; text from
before has none, and is read all the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import reprlib
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import tomli_w

from lunette.errors import LunetteError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DIGEST = "sha256"


@contextlib.contextmanager
def reading(path: Path, what: str, mend: str = "") -> Iterator[None]:
    """Turn what goes wrong while `path` is read as `what` into a LunetteError that names it, and the mend if any."""
    try:
        yield
    except Exception as error:  # parsers meet damage with errors of many kinds
        lacking = f"it has no {error}" if isinstance(error, KeyError) else ""
        reason = lacking or (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
        words = f"{path} cannot be read as {what} ({reason})"
        raise LunetteError(f"{words}: {mend}" if mend else words) from error


def to_toml(content: Mapping[str, Any], free: Sequence[str] = ()) -> str:
    """Return a table as TOML with its digest, which holds whatever the entries that are `free` say: "table.key"."""
    return tomli_w.dumps({DIGEST: digest(tomllib.loads(tomli_w.dumps(content)), free), **content})


def from_toml(text: str, free: Sequence[str] = ()) -> dict[str, Any]:
    """Return the table that `to_toml` wrote; raises ValueError where it is not that."""
    return checked(tomllib.loads(text), free)


def to_json(content: Mapping[str, Any]) -> str:
    """Return a table as JSON with its digest."""
    return json.dumps({**content, DIGEST: digest(content)}, indent=1, allow_nan=False) + "\n"


def from_json(data: bytes) -> dict[str, Any]:
    """Return the table that `to_json` wrote; raises ValueError where it is not that."""
    return checked(json.loads(data), ())


def checked(content: Any, free: Sequence[str]) -> dict[str, Any]:
    """Return a table without its digest; raises ValueError where that is another's."""
    if not isinstance(content, dict):
        raise ValueError("it is no table")
    if content.pop(DIGEST, None) not in (None, digest(content, free)):
        raise ValueError(f"its content is not what it was written with; if you changed it, remove its entry {DIGEST}")
    return content


def digest(content: Mapping[str, Any], free: Sequence[str] = ()) -> str:
    """Return the SHA-256 of a table, whatever the order of its entries."""
    copy = json.loads(json.dumps(content, default=str))
    for name in free:
        table, key = name.split(".")
        copy[table].pop(key, None)
    return hashlib.sha256(json.dumps(copy, sort_keys=True).encode()).hexdigest()


def typed(kind: Any, content: Any) -> Any:
    """Return what JSON or TOML gave as a value of the type `kind`; raises ValueError where it is none.

    Tables become dataclasses, and lists tuples where the type says so.
    """
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return content
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**typed_fields(kind, content))
    if origin in (Union, types.UnionType):
        for each in args:
            with contextlib.suppress(ValueError):
                return typed(each, content)
    elif origin is tuple and isinstance(content, list | tuple):
        kinds = args[:1] * len(content) if args[1:] == (...,) else args
        if len(kinds) == len(content):
            return tuple(map(typed, kinds, content))
    elif origin is Sequence and isinstance(content, list):
        return [typed(args[0], value) for value in content]
    elif origin is Mapping and isinstance(content, dict):
        return {key: within(key, args[1], value) for key, value in content.items()}
    elif origin is Literal and any(type(content) is type(each) and content == each for each in args):
        return content
    elif kind is float and type(content) is int:
        return float(content)
    elif type(content) is kind:
        return content
    raise ValueError(f"{reprlib.repr(content)} is no {getattr(kind, '__name__', kind) if origin is None else kind}")


def typed_fields(kind: Any, content: Any, apart: Sequence[str] = ()) -> dict[str, Any]:
    """Return the fields of the dataclass `kind` that a table holds: all but those `apart` and, at will, defaults.

    Raises ValueError where it holds others, lacks one, or one is of another type.
    """
    if not isinstance(content, dict):
        raise ValueError(f"{reprlib.repr(content)} is no table")
    hints = {name: hint for name, hint in get_type_hints(kind).items() if name not in apart}
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING} - {*apart}
    if missing := needed - content.keys():
        raise ValueError(f"it says nothing of {', '.join(sorted(missing))}")
    if unknown := content.keys() - hints.keys():
        raise ValueError(f"it says something of {', '.join(sorted(unknown))}, which is unknown here")
    return {name: within(name, hints[name], value) for name, value in content.items()}


def within(name: str, kind: Any, content: Any) -> Any:
    """Return an entry's value as `typed` does; a ValueError says where it is."""
    try:
        return typed(kind, content)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
