"""Picture files one after another, from a folder or from tar archives, so that no number of them is too many."""

from __future__ import annotations

import json
import os
import posixpath
import re
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lunette.errors import LunetteError
from lunette.images.pictures import SUFFIXES
from lunette.images.sources.folder import Place, no_pictures, places_of
from lunette.images.sources.walk import NO_PICTURES, SPLITS, LeftOut, walk

MOST_LINKS = 40  # that lead to one another
LABEL, TABLE = "cls", "json"  # the endings of files with a label, and with a table that may have one
LABEL_KEYS = ("label", "cls", "class")
BESIDE = "files beside pictures, which are no labels"
LINKS = "links to what is not in the archive"
HOLES = "files with holes"
FOLDERS = "folders in archives, which are no labels (unpack them for that)"


@dataclass(frozen=True)
class Record:
    """A picture's file or its bytes, its label ("" for none) and its split."""

    name: str
    label: str
    file: Path | bytes
    split: str = "train"


@dataclass
class FolderRecords:
    """The pictures below a folder; first-level folders are labels, or splits."""

    where: Path
    paths: list[Path]
    left_out: list[LeftOut]
    places: list[Place]

    def __len__(self) -> int:
        return len(self.paths)

    def share(self, part: slice) -> FolderRecords:
        """Return some of them; what is left out is the first part's."""
        return FolderRecords(self.where, self.paths[part], [] if part.start else self.left_out, self.places[part])

    def __iter__(self) -> Iterator[Record]:
        for path, (split, label) in zip(self.paths, self.places, strict=True):
            yield Record(str(path.relative_to(self.where)), sys.intern(label), path, split)


@dataclass
class TarRecords:
    """The pictures in tar archives, laid out as webdataset does.

    Files that follow one another and share their name up to the first dot of its last part belong together:
    000012.jpg is the picture, and 000012.cls holds its label, a class index or a name, or 000012.json does.
    """

    where: Path
    paths: list[Path]
    splits: list[str]  # of each archive
    left_out: list[LeftOut] = field(default_factory=list)  # of the archives that were read

    def share(self, part: slice) -> TarRecords:
        """Return some of the archives."""
        return TarRecords(self.where, self.paths[part], self.splits[part])

    def __iter__(self) -> Iterator[Record]:
        labelled = dict[str, bool]()  # of each split
        folders = set[str]()
        self.left_out = []
        for tar, split in zip(self.paths, self.splits, strict=True):
            for name, files in samples(tar, self.left_out):
                pictures = [key for key in files if f".{key.rpartition('.')[2].lower()}" in SUFFIXES]
                others = {*files} - {*pictures[:1], LABEL, TABLE} if pictures else files
                self.left_out += [(BESIDE if pictures else NO_PICTURES, f"{name}.{key}") for key in sorted(others)]
                if not pictures:
                    continue
                label = sys.intern(label_in(files))
                if labelled.setdefault(split, bool(label)) != bool(label):
                    raise unlike_before(name, label, tar)
                folders.add("" if label else name.rpartition("/")[0])
                yield Record(f"{name}.{pictures[0]}", label, files[pictures[0]], split)
        if len(below := {folder for folder in folders if "/" in folder}) > 1:
            self.left_out += [(FOLDERS, folder) for folder in sorted(below)]


def label_in(files: Mapping[str, bytes]) -> str:
    """Return the label of a picture that the files beside it hold, by their endings; "" where none does."""
    if LABEL in files:
        return files[LABEL].decode(errors="replace").strip()
    try:
        table = json.loads(files.get(TABLE, b"null"))
    except ValueError:
        return ""
    known = [table[key] for key in LABEL_KEYS if key in table] if isinstance(table, dict) else []
    return str(known[0]) if known and isinstance(known[0], str | int) else ""


def samples(tar: Path, left_out: list[LeftOut]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield the files of each picture by their endings, with the name that they share; note what is `left_out`.

    Raises LunetteError for a damaged archive.
    """
    try:
        with tar.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            file.seek(-tarfile.BLOCKSIZE, os.SEEK_END)
            if any(file.read()):  # tarfile does not mind a missing end
                raise tarfile.ReadError("its end is missing")
            name, files, links = "", dict[str, bytes](), Links(tar)
            for member in archive:
                folder, slash, base = member.name.rpartition("/")
                if base.startswith(".") or member.isdir():
                    continue
                target = member if member.isfile() else links.target(member)
                if target is None or target.issparse():  # the zeros of a hole may take all memory
                    left_out.append((HOLES if target else LINKS, f"{tar.name}/{member.name}"))
                    continue
                stem, _, ending = base.partition(".")
                if f"{folder}{slash}{stem}" != name:
                    if files:
                        yield f"{tar.name}/{name}", files
                    name, files = f"{folder}{slash}{stem}", {}
                opened = archive.extractfile(target)
                files[ending.lower()] = opened.read() if opened else b""
                vars(archive)["members"] = []  # else it keeps a note of each
            if files:
                yield f"{tar.name}/{name}", files
    except (OSError, tarfile.TarError) as error:
        raise LunetteError(f"cannot read {tar} as a tar archive ({error}): mend or remove it") from error


class Links:
    """The files that links in a tar archive lead to; its list is read when there is one."""

    def __init__(self, tar: Path) -> None:
        self.tar = tar

    @cached_property
    def files(self) -> dict[str, tarfile.TarInfo]:
        """All files and links of the archive by name; of several with one name the last, as tar unpacks them."""
        with tarfile.open(self.tar, "r:") as archive:
            return {posixpath.normpath(member.name): member for member in archive if not member.isdir()}

    def target(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        """Return the file that a link leads to, or None where that is not in the archive."""
        for _ in range(MOST_LINKS):
            if not (member.islnk() or member.issym()):
                break
            folder = posixpath.dirname(member.name) if member.issym() else ""
            found = self.files.get(posixpath.normpath(posixpath.join(folder, member.linkname)))
            if found is None:
                return None
            member = found
        return member if member.isfile() else None


def unlike_before(name: str, label: str, where: Path) -> LunetteError:
    """Return the error for a picture in an archive that has a label where others have none, or none where they do."""
    return LunetteError(f"{name} has {'a' if label else 'no'} label, unlike those before it: mend {where}")


def records(path: Path) -> FolderRecords | TarRecords:
    """Return the picture files in a folder, those in the tar archives in it, or those in one archive."""
    if path.is_file():
        return TarRecords(path, [path], ["train"])
    paths, left_out = walk(path)
    tars = [path / name for why, name in left_out if why == NO_PICTURES and name.endswith(".tar")]
    if not paths and not tars:
        raise no_pictures(path, left_out)
    if paths:
        return FolderRecords(path, paths, left_out, places_of(paths, path))
    return TarRecords(path, tars, splits_of(tars, path))


def splits_of(tars: Sequence[Path], folder: Path) -> list[str]:
    """Return the split of each archive below `folder`: train-000.tar, or all in a folder train, is for training.

    Where none is called so all are. Raises LunetteError where some are, and others not, or none is for training.
    """
    words = [tar.relative_to(folder).parts[0].lower() for tar in tars]
    found = [SPLITS.get(re.split("[^a-z]", word)[0]) for word in words]
    if len(set(found)) == 1:
        return ["train"] * len(found)
    known = [split for split in found if split]
    if len(known) < len(found) or "train" not in known:
        odd = next(tar for tar, split in zip(tars, found, strict=True) if split != known[0])
        raise LunetteError(
            f"archives in {folder} are called by splits (train, val, test), and {odd.name} is not, or none is for "
            "training: give all of them such names, or none"
        )
    return known
