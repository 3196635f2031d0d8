"""Checkpoints: a folder of tensors and a manifest of their SHA-256, two generations and the best one kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from lunette.errors import LunetteError, LunetteWarning
from lunette.files import write, write_folder
from lunette.stored import reading, typed

GENERATIONS = 2
MANIFEST = "manifest.json"
MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """Weights, the optimiser's tensors, and where training was."""

    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any]


@dataclass(frozen=True)
class Loaded(Checkpoint):
    """A checkpoint with all that is ever asked of it: training may remove its folder at any moment."""

    name: str
    sha256: str  # of its model.safetensors
    weights: bytes = field(repr=False)  # that file


class Checkpoints:
    """The checkpoints of one run, in `run`/checkpoints/NNNN; the files `last` and `best` name two of them."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.folder = run / "checkpoints"

    def names(self) -> list[str]:
        """Return the names of all checkpoints, the oldest first."""
        return sorted((path.name for path in self.folder.glob("[0-9]*") if path.name.isdecimal()), key=int)

    def save(self, checkpoint: Checkpoint, best: bool = False) -> str:
        """Write the next generation, point `last` (and `best`) to it, drop old ones; return its name."""
        name = f"{int((self.names() or ['0'])[-1]) + 1:04d}"
        files = {
            MODEL: pack(checkpoint.model),
            OPTIMIZER: pack(checkpoint.optimizer),
            STATE: json.dumps(checkpoint.state, indent=1).encode(),
        }
        sums = {file: hashlib.sha256(data).hexdigest() for file, data in files.items()}
        write_folder(self.folder / name, files | {MANIFEST: json.dumps(sums, indent=1).encode()})
        if best:
            # Before `last`: a crash between the two leaves a best that is newer than last, and `drop_after` sees it.
            self.point("best", name)
        self.point("last", name)
        kept = {*self.names()[-GENERATIONS:], self.pointer("best")}
        for old in set(self.names()) - kept:
            shutil.rmtree(self.folder / old, ignore_errors=True)
        return name

    def pointer(self, which: str) -> str | None:
        """Return the name that the file `last` or `best` holds, or None; raises LunetteError where it is damaged."""
        path, names = self.run / which, self.names()
        if not path.exists():
            return None
        with reading(path, "the name of a checkpoint", f"write the number of one into it, of {', '.join(names)}"):
            name = path.read_text(encoding="utf-8").strip()
            if name not in names:
                raise ValueError(f"there is none called {name[:20]!r}")
        return name

    def point(self, which: str, name: str) -> None:
        """Let the file `last` or `best` hold `name`."""
        write(self.run / which, name)

    def drop_after(self, name: str) -> None:
        """Remove the checkpoints newer than `name`, which are damaged or not to be gone on from."""
        newer = self.names()[self.names().index(name) + 1 :]
        if self.pointer("best") in newer:
            (self.run / "best").unlink()
        for damaged in newer:
            shutil.rmtree(self.folder / damaged)
        self.point("last", name)

    def load(self, which: str = "last") -> Loaded:
        """Return `last`, `best` or a checkpoint by its number.

        A damaged `last` or `best` is named in a warning, and the newest whole one before it is taken; one that training
        removed meanwhile is looked for anew. Raises LunetteError where there is none, where the file `best` does not
        say which it is, and where a checkpoint asked for by number is damaged.
        """
        while True:
            listed = self._listed()
            try:
                loaded, damage = self._load(which)
            except LunetteError:
                if self._listed() == listed:
                    raise
                continue
            if damage and self._listed() != listed:
                continue
            if damage:
                words = f"{'; '.join(damage)}; taking checkpoint {loaded.name} instead"
                warnings.warn(words, LunetteWarning, stacklevel=2)
            return loaded

    def _listed(self) -> object:
        """Return what changes whenever training saves or removes a checkpoint."""
        pointers: list[bytes] = []
        for path in (self.run / "last", self.run / "best"):
            with contextlib.suppress(OSError):
                pointers.append(path.read_bytes())
        return self.names(), pointers

    def _load(self, which: str) -> tuple[Loaded, list[str]]:
        """Return a checkpoint, and what is damaged of those that were to be taken before it."""
        names, damage = self.names(), []
        if not names:
            raise LunetteError(f"{self.run} has no whole checkpoint: none was saved")
        if which in ("last", "best"):
            try:
                wanted = self.pointer(which)
            except LunetteError as error:
                if which == "best":  # which no other one can stand in for
                    raise
                wanted, damage = None, [str(error)]
            if which == "best" and wanted is None:
                raise LunetteError(
                    f"{self.run} has no best checkpoint: it was trained without validation pictures, or in stages"
                )
            if wanted is not None:
                names = [name for name in names if int(name) <= int(wanted)]
        elif which in names:
            names = [which]
        else:
            raise LunetteError(f"{self.run} has no checkpoint {which!r}; it has last, best, {', '.join(names)}")
        for name in reversed(names):
            try:
                return read(self.folder / name), damage
            except LunetteError as error:
                damage.append(str(error))
        raise LunetteError(f"{self.run} has no whole checkpoint: {'; '.join(damage)}")


def pack(tensors: dict[str, Tensor]) -> bytes:
    """Return tensors as the bytes of a .safetensors file."""
    return safetensors.torch.save({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()})


def manifest(folder: Path) -> Mapping[str, str]:
    """Return the SHA-256 of each file of a checkpoint, as it was saved."""
    with reading(folder / MANIFEST, "a checkpoint's list of files"):
        sums: Mapping[str, str] = typed(Mapping[str, str], json.loads((folder / MANIFEST).read_bytes()))
        if missing := {MODEL, OPTIMIZER, STATE} - sums.keys():
            raise ValueError(f"it says nothing of {', '.join(sorted(missing))}")
        return sums


def read(folder: Path) -> Loaded:
    """Return the checkpoint in `folder`; raises LunetteError unless each file is what the manifest says."""
    sums, files = manifest(folder), {}
    for name in (MODEL, OPTIMIZER, STATE):
        with reading(folder / name, "a part of a checkpoint"):
            files[name] = (folder / name).read_bytes()
            if hashlib.sha256(files[name]).hexdigest() != sums[name]:
                raise ValueError("its SHA-256 is not the one that it was saved with")
    return Loaded(
        safetensors.torch.load(files[MODEL]),
        safetensors.torch.load(files[OPTIMIZER]),
        json.loads(files[STATE]),
        name=folder.name,
        sha256=sums[MODEL],
        weights=files[MODEL],
    )
