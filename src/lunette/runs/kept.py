"""Tensors kept in a run: a file of them, and readable text (TOML) that says what they are and names that file."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import tomli_w
from torch import Tensor

from lunette.files import write, writing
from lunette.runs.checkpoints import pack

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def keep(text: Path, known: Mapping[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write `text`, with what is `known` of `tensors`, and these in place of what it was.

    Whatever happens meanwhile, the old ones or the new ones are there whole. The folder is made if need be.
    """
    with writing(text.parent):
        text.parent.mkdir(exist_ok=True)
    data = pack(tensors)
    digest = hashlib.sha256(data).hexdigest()
    old = _named_by(text)
    # The text names its tensors, so the moment in which it is replaced decides.
    new = text.with_name(f"{text.stem}-{digest[:12]}.safetensors")
    try:
        write(new, data)
        write(text, tomli_w.dumps({"tensors": new.name, "tensors_sha256": digest, **known}))
    finally:
        counts = _named_by(text)
        for file in (old, new):
            if file and file != counts:
                file.unlink(missing_ok=True)


def _named_by(text: Path) -> Path | None:
    """Return the file of tensors that `text` names, if it names one."""
    try:
        return text.with_name(tomllib.loads(text.read_text(encoding="utf-8"))["tensors"])
    except (OSError, ValueError, KeyError):
        return None


def read_text(text: Path, fields: Iterable[str]) -> dict[str, Any]:
    """Return what `text` says; raises OSError, or ValueError where it says nothing of one of `fields`."""
    known = tomllib.loads(text.read_text(encoding="utf-8"))
    missing = {*fields, "tensors", "tensors_sha256"} - known.keys()
    if missing:
        raise ValueError(f"it says nothing of {', '.join(sorted(missing))}")
    return known


def read_tensors(file: Path, sha256: str) -> dict[str, Tensor]:
    """Return the tensors in `file`; raises OSError, or ValueError where they are not those of that `sha256`."""
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError("its SHA-256 is not the one it was saved with")
    return safetensors.torch.load(data)
