"""A run folder as one file, and back: a ZIP of stored files, which is opened only if it is just that."""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import Annotated

from lunette.errors import LunetteError
from lunette.files import check_free, check_writable, whole_file, whole_folder
from lunette.progress import Progress, announce
from lunette.runs import Run
from lunette.signatures import Flag
from lunette.uses.verb import verb

SETTINGS = "run.toml"


def pack_run(run: Run, out: Path) -> None:
    """Write the files of a run to the ZIP `out`, stored as they are; the same run makes the same bytes.

    Raises LunetteError where another process trains there, or changed a file of it meanwhile.
    """
    with held(run), whole_file(out) as partial, partial.open("wb") as file:
        before = files_of(run)
        with zipfile.ZipFile(file, "w") as archive:
            for done, path in enumerate(before, 1):
                member = zipfile.ZipInfo(path.relative_to(run.path).as_posix())
                member.external_attr = (stat.S_IFREG | 0o644) << 16
                try:
                    data = path.read_bytes()
                except FileNotFoundError:
                    raise changed(run) from None
                archive.writestr(member, data)
                announce(Progress("packing files", done, len(before)))
        if files_of(run) != before:
            raise changed(run)
        file.flush()
        os.fsync(file.fileno())


def held(run: Run) -> contextlib.AbstractContextManager[None]:
    """Keep other processes from training in a run's folder, where this one may write to it."""
    try:
        check_writable(run.path, "")
    except LunetteError:
        return contextlib.nullcontext()
    return run.locked()


def changed(run: Run) -> LunetteError:
    """Return the error for a run that was written to while it was packed."""
    return LunetteError(f"{run.path} changed while it was packed, and nothing was kept: pack it when nobody trains it")


def files_of(run: Run) -> dict[Path, tuple[int, int]]:
    """Return the files of a run in order, each with its size and when it was last changed."""
    found = {}
    for path in sorted(run.path.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            if is_of_run(path, run.path):
                found[path] = path.stat().st_size, path.stat().st_mtime_ns
    return found


def is_of_run(path: Path, run: Path) -> bool:
    """Return whether a path is a file of the run: no lock, nothing half-written, no link."""
    hidden = any(part.startswith(".") for part in path.relative_to(run).parts)
    return path.is_file() and not path.is_symlink() and not hidden


@verb("unpack", "take away")
def unpack(
    file: Annotated[str | Path, Flag("what lunette export wrote as a .zip", Path, "FILE")],
    out: Annotated[
        str | Path | None, Flag("run folder to write; by default runs/NAME", Path | None, aliases=("-o",))
    ] = None,
) -> Run:
    """Open a run that was packed as one file.

    Its folder is `out` (by default runs/NAME). Nothing of it is run, and nothing is written outside of `out`.

    Raises:
        LunetteError, with nothing left behind, where `out` exists and for a file that is damaged or was not packed by
            `export`.

    Example:
        lunette unpack vae.zip -o runs/vae
    """
    file = Path(file).expanduser()
    out = Path("runs") / file.stem if out is None else Path(out).expanduser()
    check_free(out)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            check_members(members, file)
            with whole_folder(out) as folder:
                for done, member in enumerate(members, 1):
                    archive.extract(member, folder)  # which checks its CRC-32
                    announce(Progress("unpacking files", done, len(members)))
                check_run(folder, file)
    except FileNotFoundError:
        raise LunetteError(f"there is no file {file}") from None
    except LunetteError:
        raise
    except Exception as error:  # zipfile meets damage with errors of many kinds
        raise LunetteError(f"{file} is damaged, or no ZIP file ({error}): have it sent again") from error
    return Run(out)


def check_members(members: list[zipfile.ZipInfo], file: Path) -> None:
    """Raise LunetteError unless the members are plain files, each in its own place within the run folder."""
    names = [member.filename for member in members]
    if SETTINGS not in names:
        raise LunetteError(f"{file} holds no {SETTINGS}, so it is no run that lunette export packed")
    if any(member.header_offset < 0 for member in members):
        raise zipfile.BadZipFile("a part of it is missing")
    for member in members:
        path = PurePosixPath(member.filename)
        named = path.parts and path.as_posix() == member.filename  # not empty, nor with . and slashes that say nothing
        outside = path.is_absolute() or ".." in path.parts or any(mark in member.filename for mark in "\\:")
        plain = stat.S_ISREG(member.external_attr >> 16) and not member.flag_bits & 1
        # What is stored is as large as the file that holds it: a small file cannot fill the disk.
        stored = member.compress_type == zipfile.ZIP_STORED and member.file_size == member.compress_size
        if not named or outside or not plain or not stored:
            raise LunetteError(
                f"{file} was not packed by lunette export: it holds {member.filename!r}; nothing was done"
            )
    if len(set(names)) < len(names) or sum(m.file_size for m in members) > file.stat().st_size:
        raise LunetteError(f"{file} was not packed by lunette export: its files overlap; nothing was done")


def check_run(folder: Path, file: Path) -> None:
    """Raise LunetteError where what was unpacked is not read as a run."""
    try:
        Run(folder)
    except LunetteError as error:
        raise LunetteError(f"{file} holds no run that can be read: {error.__cause__ or error}") from error
