"""Names that may be no UTF-8, as old archives have them, and commands that can be pasted."""

from __future__ import annotations

import codecs
import re
import shlex
from pathlib import Path

ESCAPED = re.compile(r"\\udc([89a-f][0-9a-f])")


def written(name: str) -> str:
    r"""Return a name of the disk as text for any file: a byte that is no UTF-8, such as E9, becomes \udce9."""
    return name.encode("utf-8", "backslashreplace").decode()


def on_disk(text: str) -> str:
    """Return the name of the disk that `written` returned so."""
    return ESCAPED.sub(lambda found: chr(0xDC00 + int(found[1], 16)), text)


def quoted(path: str | Path) -> str:
    """Return a path as a shell takes it, whatever is in its name."""
    return shlex.quote(str(path))


def lenient(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what stands for a sign that a stream lacks: the byte that a name of the disk has, or "?"; and back.

    It is a handler for `codecs.register_error`.
    """
    if isinstance(error, UnicodeEncodeError):
        error.end = error.start + 1  # a sign at a time: those beside it may be of the other kind
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("replace")(error)
