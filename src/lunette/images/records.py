"""Picture files one after another, from a folder or from tar archives, so that no number of them is too many."""

from __future__ import annotations

import os
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lunette.errors import LunetteError
from lunette.images.folder import no_pictures, picture_files, top_folder
from lunette.images.named import idx_files
from lunette.images.pack_index import is_pack
from lunette.images.pictures import SUFFIXES

LABEL = "cls"


@dataclass(frozen=True)
class Record:
    """One picture's file or its bytes, and its label; "" for none."""

    name: str
    label: str
    file: Path | bytes


@dataclass
class FolderRecords:
    """The pictures below a folder; first-level folders are labels."""

    where: Path
    paths: list[Path]
    others: list[str]  # files that are no pictures
    numeric = False  # labels are ordered as names

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Record]:
        for path in self.paths:
            yield Record(str(path.relative_to(self.where)), sys.intern(top_folder(path, self.where)), path)


@dataclass
class TarRecords:
    """The pictures in tar archives, laid out as webdataset does.

    Files that follow one another and share their name up to the first dot of its last part belong together:
    000012.jpg is the picture, and 000012.cls holds its label, a class index or a name.
    """

    where: Path
    paths: list[Path]
    others: list[str] = field(default_factory=list)  # files that are no pictures, of the archives that were read
    numeric = True  # labels that are all numbers are ordered as such

    def __iter__(self) -> Iterator[Record]:
        labelled = None
        self.others = []
        for tar in self.paths:
            for name, files in samples(tar):
                pictures = [key for key in files if f".{key.rpartition('.')[2].lower()}" in SUFFIXES]
                self.others += [f"{name}.{key}" for key in (pictures[1:] if pictures else files)]
                if not pictures:
                    continue
                label = sys.intern(files.get(LABEL, b"").decode(errors="replace").strip())
                if labelled not in (None, bool(label)):
                    raise unlike_before(name, label, tar)
                labelled = bool(label)
                yield Record(f"{name}.{pictures[0]}", label, files[pictures[0]])


def samples(tar: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield the files of each picture by their endings, with the name that they share.

    Raises LunetteError for a damaged archive.
    """
    try:
        with tar.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            file.seek(-tarfile.BLOCKSIZE, os.SEEK_END)
            if any(file.read()):  # tarfile does not mind a missing end
                raise tarfile.ReadError("its end is missing")
            name, files = "", dict[str, bytes]()
            for member in archive:
                folder, slash, base = member.name.rpartition("/")
                if not member.isfile() or base.startswith("."):
                    continue
                stem, _, ending = base.partition(".")
                if f"{folder}{slash}{stem}" != name:
                    if files:
                        yield f"{tar.name}/{name}", files
                    name, files = f"{folder}{slash}{stem}", {}
                opened = archive.extractfile(member)
                files[ending] = opened.read() if opened else b""
                vars(archive)["members"] = []  # else it keeps a note of each
            if files:
                yield f"{tar.name}/{name}", files
    except (OSError, tarfile.TarError) as error:
        raise LunetteError(f"cannot read {tar} as a tar archive ({error}): mend or remove it") from error


def unlike_before(name: str, label: str, where: Path) -> LunetteError:
    """Return the error for a picture in an archive that has a label where others have none, or none where they do."""
    return LunetteError(f"{name} has {'a' if label else 'no'} label, unlike those before it: mend {where}")


def records(path: Path) -> FolderRecords | TarRecords | None:
    """Return the picture files at `path`; None for a source that is no folder of them and no tar archives."""
    if path.is_file() and path.suffix == ".tar":
        return TarRecords(path, [path])
    if not path.is_dir() or is_pack(path) or idx_files(path):
        return None
    paths, others = picture_files(path)
    tars = [other for other in others if other.suffix == ".tar"]
    if not paths and not tars:
        raise no_pictures(path, len(others))
    return FolderRecords(path, paths, [str(p.relative_to(path)) for p in others]) if paths else TarRecords(path, tars)
