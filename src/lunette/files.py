"""Files that are there whole or not at all, and a clear word when the disk refuses."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from lunette.errors import LunetteError
from lunette.names import written

DISK_REASONS = {
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "your disk quota is used up; make room",
    errno.EFBIG: "the file is larger than this system allows",
    errno.EROFS: "the disk is read-only; choose another place with --out",
    errno.EACCES: "you may not write there; choose another place with --out",
    errno.EPERM: "you may not write there; choose another place with --out",
    errno.ENOENT: "there is no such folder; make it first, or choose another place",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another place with --out",
}


def check_free(out: Path) -> None:
    """Raise LunetteError where `out` names nothing, or something that is there already."""
    if not out.name or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise LunetteError(f"{out} exists already: choose another folder or file with --out, or remove it")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the operating system into a LunetteError that names `path`, the reason and the mend."""
    try:
        yield
    except OSError as error:
        reason = DISK_REASONS.get(error.errno or 0, error.strerror or str(error))
        raise LunetteError(f"cannot write {path}: {reason}") from error


def write(path: Path, data: bytes | str) -> None:
    """Replace `path` by `data` atomically: a crash at any moment leaves the old file or the new one."""
    with whole_file(path) as partial:
        write_through(partial, written(data).encode() if isinstance(data, str) else data)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the name of a file to write, down to the disk, which takes the place of `path` when all went well."""
    partial = partial_name(path)
    with writing(path):
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(path.parent)


def write_anew(path: Path, data: bytes | str) -> None:
    """Do what `write` does, and make the folders above first."""
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    write(path, data)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write into, which takes the place of `path` (absent or empty) when all went well."""
    partial = partial_name(path)
    with writing(path):
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            yield partial
            sync_folder(partial)
            partial.replace(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        sync_folder(path.parent)


def write_folder(path: Path, files: dict[str, bytes]) -> None:
    """Make the folder `path` with `files` in it, atomically."""
    with whole_folder(path) as partial:
        for name, data in files.items():
            write_through(partial / name, data)


def partial_name(path: Path) -> Path:
    """Return where `path` is written before it is whole: in the same folder, and no other process's."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def write_through(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until a folder's entries are on the disk, where the system can (Windows cannot)."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
