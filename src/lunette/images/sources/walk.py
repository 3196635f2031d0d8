"""The picture files below a folder, and why each other file there is none."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from lunette.errors import LunetteWarning
from lunette.images.pictures import SUFFIXES
from lunette.names import written

NAMED = 10  # files that a warning names for each reason
SYSTEM_FILES = {"Thumbs.db", "desktop.ini", "__MACOSX"}
OWN = ("run.toml", "pack.json")  # files that make a folder one of Lunette's
NO_PICTURES = "files that are no pictures"
OURS = "folders that are Lunette's own runs or packs"
SHEETS = "sheets of pictures made by Lunette"
CLOSED = "folders that may not be read"
BROKEN = "links that point nowhere"
TWICE = "links to folders that are read already"
MASKS = "masks, in folders beside train or test"
FRAMES = "files with further frames, of which --frames all makes pictures"

MASK_FOLDERS = {"ground_truth", "groundtruth", "mask", "masks"}
SPLITS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip

LeftOut = tuple[str, str]  # why, and which file or folder


def walk(folder: Path) -> tuple[list[Path], list[LeftOut]]:
    """Return the picture files below `folder`, in the order of their paths, and what else is there.

    Links are followed. Nothing is said of files that are hidden or the system's.
    """
    pictures: list[Path] = []
    left_out: list[LeftOut] = []
    seen = {identity(folder)}  # folders, as the disk knows them

    def name(path: Path) -> str:
        return path.relative_to(folder).as_posix()

    def closed(error: OSError) -> None:
        left_out.append((CLOSED, name(Path(error.filename))))

    for place, folders, files in os.walk(folder, onerror=closed, followlinks=True):
        here = Path(place)
        if here != folder and not set(OWN).isdisjoint(files):
            left_out.append((OURS, name(here)))
            folders.clear()
            continue
        masks_here = any(SPLITS.get(each.lower()) in ("train", "test") for each in folders)
        kept = []
        for each in sorted(folders, key=lambda each: ((here / each).is_symlink(), each)):
            path = here / each
            if is_system(each):
                continue
            if masks_here and each.lower() in MASK_FOLDERS:
                left_out.append((MASKS, name(path)))
            elif path.is_symlink() and identity(path) in seen:
                left_out.append((TWICE, name(path)))
            else:
                kept.append(each)
                seen.add(identity(path))
        folders[:] = kept
        for each in files:
            path = here / each
            if is_system(each):
                continue
            if not path.exists():
                left_out.append((BROKEN, name(path)))
            elif path.suffix.lower() in SUFFIXES and path.is_file():
                pictures.append(path)
            else:
                left_out.append((NO_PICTURES, name(path)))
    return sorted(pictures), sorted(left_out)


def identity(folder: Path) -> tuple[int, int]:
    """Return what tells a folder from all others, whatever links lead to it."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def is_system(name: str) -> bool:
    """Return whether a file or folder of this name is none of the user's."""
    return name in SYSTEM_FILES or name.startswith(".")


def warn_of(left_out: Iterable[LeftOut], where: Path) -> None:
    """Warn of all that is left out of the source `where`, by reason."""
    names = defaultdict(list)
    for why, name in left_out:
        names[why].append(written(name))
    if names:
        each = "; ".join(f"{why}: {len(found)} ({listed(found)})" for why, found in names.items())
        warnings.warn(f"left out of {where}: {each}", LunetteWarning, stacklevel=3)


def listed(names: list[str]) -> str:
    """Return the first ten names, and how many more there are."""
    more = f", and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
