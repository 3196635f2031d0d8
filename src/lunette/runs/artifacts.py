"""Tensors kept in a run: a file of them, and readable text (TOML) that says what they are and names that file."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from lunette.files import check_writable, write, writing
from lunette.runs.checkpoints import pack
from lunette.stored import from_toml, to_toml, typed_fields

ELSEWHERE = "copy the run to where you may write, and use the copy"


class Artifacts:
    """A folder of such tensors: of each name one, in place of the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Return all names, in the order of the alphabet."""
        return sorted(path.stem for path in self.folder.glob("*.toml"))

    def check_writable(self) -> None:
        """Raise LunetteError where nothing can be kept here."""
        check_writable(self.folder, ELSEWHERE)

    def keep(self, name: str, known: Any, tensors: dict[str, Tensor], apart: tuple[str, ...]) -> None:
        """Write `tensors`, and the fields of the dataclass `known`, but for those that are not text (`apart`).

        Whatever happens meanwhile, the old ones or the new ones are there whole. The folder is made if need be.
        """
        with writing(self.folder, ELSEWHERE):
            self.folder.mkdir(exist_ok=True)
        text, data = self.folder / f"{name}.toml", pack(tensors)
        digest = hashlib.sha256(data).hexdigest()
        old = self._tensors_of(text)
        # The text names its tensors, so the moment in which it is replaced decides.
        new = self.folder / f"{name}-{digest[:12]}.safetensors"
        said = {f.name: getattr(known, f.name) for f in fields(known) if f.name not in apart}
        try:
            write(new, data)
            write(text, to_toml({"tensors": new.name, "tensors_sha256": digest, **said}))
        finally:
            counts = self._tensors_of(text)
            for file in (old, new):
                if file and file != counts:
                    file.unlink(missing_ok=True)

    def _tensors_of(self, text: Path) -> Path | None:
        """Return the file of tensors that `text` names, if it names one in its folder."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            name = from_toml(text.read_text(encoding="utf-8"))["tensors"]
            return self.folder / name if Path(name).name == name else None
        return None

    def read(self, name: str, kind: type[Any], apart: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the fields of `kind` that were kept as `name`, but for those `apart`, and the tensors.

        Raises OSError or ValueError where they are damaged. Those that another process replaces are read anew.
        """
        text = self.folder / f"{name}.toml"
        while True:
            words = text.read_text(encoding="utf-8")
            said = from_toml(words)
            file, digest = str(said.pop("tensors", "")), said.pop("tensors_sha256", "")
            known = typed_fields(kind, said, apart)
            try:
                tensors = (self.folder / Path(file).name).read_bytes()
            except FileNotFoundError:
                if text.read_text(encoding="utf-8") == words:
                    raise
                continue
            if hashlib.sha256(tensors).hexdigest() != digest:
                raise ValueError(f"the SHA-256 of {file} is not the one it was saved with")
            return known, safetensors.torch.load(tensors)
