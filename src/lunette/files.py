"""Files that are there whole or not at all, and a clear word when the disk refuses."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from lunette.errors import LunetteError

DISK_REASONS = {
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "your disk quota is used up; make room",
    errno.EFBIG: "the file is larger than this system allows",
    errno.ENOENT: "there is no such folder; make it first, or choose another place",
}
WRONG_PLACE = {
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "you may not write there",
    errno.EPERM: "you may not write there",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
}
PARTIAL = re.compile(r"\..+?\.(?:([0-9a-f]{8})\.)?(\d+)\.partial")  # see `partial_name`; older ones name no machine
ABANDONED_SECONDS = 86_400.0  # after which what nobody writes to is half-written for ever, whoever began it


def check_free(out: Path) -> None:
    """Raise LunetteError where `out` names nothing, or something that is there already."""
    if not out.name or is_taken(out):
        raise LunetteError(f"{out} exists already: choose another folder or file with --out, or remove it")


def is_taken(path: Path) -> bool:
    """Return whether there is something at `path`: more than an empty folder, in whose place another can be put."""
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def check_writable(folder: Path, mend: str) -> None:
    """Raise LunetteError, before any work, where nothing can be written to `folder`, which may be absent yet."""
    with writing(folder, mend):
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        trial = partial_name(there / "trial")
        trial.touch()
        trial.unlink()


@contextlib.contextmanager
def writing(path: Path, mend: str = "choose another place") -> Iterator[None]:
    """Turn an error of the operating system into a LunetteError that names `path`, the reason and the mend.

    `mend` says what to do where it is the wrong place to write to.
    """
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        reason = f"{WRONG_PLACE[number]}; {mend}" if number in WRONG_PLACE else DISK_REASONS.get(number)
        raise LunetteError(f"cannot write {path}: {reason or error.strerror or error}") from error


def write(path: Path, data: bytes | str) -> None:
    """Replace `path` by `data` atomically: a crash at any moment leaves the old file or the new one."""
    with whole_file(path) as partial:
        write_through(partial, data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the name of a file to write, down to the disk, which takes the place of `path` when all went well."""
    partial = partial_name(path)
    with writing(path):
        clean(path.parent.absolute())
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
        clean(path.parent.absolute())
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            yield partial
            sync_folder(partial)
            put_folder(partial, path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        sync_folder(path.parent)


def put_folder(folder: Path, path: Path) -> None:
    """Rename `folder` to `path`, which is absent or an empty folder."""
    try:
        folder.replace(path)
    except OSError:
        if not path.is_dir():
            raise
        path.rmdir()  # Windows puts no folder in the place of another, not even of an empty one
        folder.replace(path)


def write_folder(path: Path, files: dict[str, bytes]) -> None:
    """Make the folder `path` with `files` in it, atomically."""
    with whole_folder(path) as partial:
        for name, data in files.items():
            write_through(partial / name, data)


def partial_name(path: Path) -> Path:
    """Return where `path` is written before it is whole: in the same folder, and no other process's."""
    return path.with_name(f".{path.name}.{this_machine()}.{os.getpid()}.partial")


@functools.cache
def this_machine() -> str:
    """Return eight digits for where this process's number counts: a machine or, on Linux, a container."""
    known = [platform.node()]
    with contextlib.suppress(OSError):
        known.append(Path("/etc/machine-id").read_text())
    with contextlib.suppress(OSError):
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:8]


@functools.cache
def clean(folder: Path) -> None:
    """Remove what processes that are gone left half-written in `folder`: once, when this one first writes there."""
    for path in folder.glob(".*.partial"):
        with contextlib.suppress(OSError):
            if is_left(path):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def is_left(path: Path) -> bool:
    """Return whether a file or folder is half-written, and the process that began it is gone.

    Of a process of another machine that shares the disk, and of a number that another process has by now, nothing is
    known: there a day without any change decides.
    """
    found = PARTIAL.fullmatch(path.name)
    if not found:
        return False
    machine, number = found.groups()
    if machine == this_machine() and not is_running(int(number)):
        return True
    changed = max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
    return time.time() - changed > ABANDONED_SECONDS


def is_running(number: int) -> bool:
    """Return whether this machine has a process of that number, as far as the system says without touching it."""
    if os.name != "posix":
        return True
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


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
