"""Checkpoints: a folder of tensors and a manifest of their SHA-256, two generations and the best one kept."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from lunette.errors import LunetteError, LunetteWarning
from lunette.files import write, write_folder

GENERATIONS = 2
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Checkpoint:
    """Weights, the optimiser's tensors, and where training was."""

    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run, in `run`/checkpoints/NNNN; the files `last` and `best` name two of them."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.folder = run / "checkpoints"

    def names(self) -> list[str]:
        """Return the names of all checkpoints, the oldest first."""
        return sorted((path.name for path in self.folder.glob("[0-9]*")), key=int)

    def save(self, checkpoint: Checkpoint, best: bool = False) -> str:
        """Write the next generation, point `last` (and `best`) to it, drop old ones; return its name."""
        name = f"{int((self.names() or ['0'])[-1]) + 1:04d}"
        files = {
            "model.safetensors": pack(checkpoint.model),
            "optimizer.safetensors": pack(checkpoint.optimizer),
            "state.json": json.dumps(checkpoint.state, indent=1).encode(),
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

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of the weights of the checkpoint called `name`, as it was saved."""
        return json.loads((self.folder / name / MANIFEST).read_bytes())["model.safetensors"]

    def pointer(self, which: str) -> str | None:
        """Return the name that the file `last` or `best` holds, or None."""
        path = self.run / which
        return path.read_text().strip() if path.is_file() else None

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

    def load(self, which: str = "last") -> tuple[str, Checkpoint]:
        """Return the name and content of `last`, `best` or a checkpoint by its number.

        A damaged `last` or `best` is named in a warning, and the newest whole one before it is taken. Raises
        LunetteError where there is none, or where a checkpoint asked for by number is damaged.
        """
        names = self.names()
        if which in ("last", "best"):
            wanted = self.pointer(which)
            if which == "best" and wanted is None:
                raise LunetteError(
                    f"{self.run} has no best checkpoint: it was trained without validation pictures, or in stages"
                )
            if wanted in names:
                names = names[: names.index(wanted) + 1]
        elif which in names:
            names = [which]
        else:
            raise LunetteError(f"{self.run} has no checkpoint {which!r}; it has last, best, {', '.join(names)}")
        damage = []
        for name in reversed(names):
            try:
                checkpoint = read(self.folder / name)
            except Damaged as error:
                damage.append(str(error))
                continue
            if damage:
                warnings.warn(f"{'; '.join(damage)}: taking checkpoint {name} instead", LunetteWarning, stacklevel=2)
            return name, checkpoint
        raise LunetteError(f"{self.run} has no whole checkpoint: {'; '.join(damage) or 'none was saved'}")


class Damaged(Exception):
    """A file of a checkpoint is missing or not what was written."""


def pack(tensors: dict[str, Tensor]) -> bytes:
    """Return tensors as the bytes of a .safetensors file."""
    return safetensors.torch.save({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()})


def read(folder: Path) -> Checkpoint:
    """Return the checkpoint in `folder`, every file of it checked against the manifest."""
    files = {}
    try:
        for file, expected in json.loads((folder / MANIFEST).read_bytes()).items():
            files[file] = (folder / file).read_bytes()
            if hashlib.sha256(files[file]).hexdigest() != expected:
                raise Damaged(f"{folder / file} is damaged (its SHA-256 is not the one it was saved with)")
        return Checkpoint(
            safetensors.torch.load(files["model.safetensors"]),
            safetensors.torch.load(files["optimizer.safetensors"]),
            json.loads(files["state.json"]),
        )
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise Damaged(f"{folder} is damaged ({error})") from error
