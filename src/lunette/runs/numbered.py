"""The folder of a run that nobody named."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from lunette.errors import LunetteError
from lunette.files import is_taken, write_folder
from lunette.runs.settings import RunSettings


def write_numbered(settings: RunSettings, content: dict[str, bytes]) -> Path:
    """Make and return the next free folder runs/RECIPE-DATA-NNN; no two processes make the same."""
    data = re.sub(r"[^a-z0-9]+", "-", Path(settings.source).stem.lower()).strip("-") or "data"
    stem = Path("runs") / f"{settings.recipe.replace('_', '-')}-{data}"
    for number in itertools.count(1):
        path = stem.with_name(f"{stem.name}-{number:03d}")
        if is_taken(path):
            continue
        try:
            write_folder(path, content)
            return path
        except LunetteError:
            if not is_taken(path):  # by another process, meanwhile
                raise
    raise AssertionError("itertools.count ends only by the return")
