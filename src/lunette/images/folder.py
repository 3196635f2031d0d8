"""A folder of picture files; its sub-folders are labels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lunette.errors import LunetteError, LunetteWarning
from lunette.images.pictures import SUFFIXES, attempt, bombs_refused
from lunette.images.sets import Images
from lunette.images.settings import DataSettings

MOST_BAD = 0.05  # share of pictures that may be damaged; more of them are no accident
NAMED = 10
SYSTEM_FILES = {"Thumbs.db", "desktop.ini"}


def read_folder(folder: Path, settings: DataSettings) -> tuple[Images, tuple[str, ...]]:
    """Return all pictures below `folder`, with first-level folders as labels, and their paths below it, in order.

    Damaged pictures and files of other kinds are named in a warning and left out. Raises LunetteError where
    more than 5 % of the pictures are damaged, where there is none, and where sizes differ and `settings` give
    none.
    """
    paths, others = picture_files(folder)
    if not paths:
        raise no_pictures(folder, len(others))
    with bombs_refused(), ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda path: attempt(path, settings), paths))
    outcome = dict(zip(paths, results, strict=True))
    bad = [f"{path.relative_to(folder)} ({error})" for path, error in outcome.items() if isinstance(error, str)]
    report(folder, [str(path.relative_to(folder)) for path in others], bad, len(paths))
    images = {path: image for path, image in outcome.items() if not isinstance(image, str)}
    del results, outcome
    check_sizes(images.items())
    kept = list(images)
    height, width = images[kept[0]].shape[1:]
    pixels = np.empty((len(kept), max(len(image) for image in images.values()), height, width), np.uint8)
    for row, path in zip(pixels, kept, strict=True):
        row[:] = images.pop(path)  # frees each as it goes: a folder is not held twice
    found = Images(torch.from_numpy(pixels), *labels_of([top_folder(path, folder) for path in kept]))
    return found, tuple(path.relative_to(folder).as_posix() for path in kept)


def picture_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the picture files below `folder`, in the order of their paths, and the other files."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not is_hidden(p, folder))
    return (
        [path for path in files if path.suffix.lower() in SUFFIXES],
        [path for path in files if path.suffix.lower() not in SUFFIXES],
    )


def no_pictures(where: Path, files: int) -> LunetteError:
    """Return the error for a source without pictures."""
    known = ", ".join(sorted(SUFFIXES))
    return LunetteError(f"{where} has no pictures among {files} files: their names end in {known}")


def report(folder: Path, others: list[str], bad: list[str], pictures: int) -> None:
    """Warn of files that are no pictures and of damaged ones; raise LunetteError where these are too many."""
    if others:
        warnings.warn(
            f"left out files in {folder} that are no pictures: {listed(others)}", LunetteWarning, stacklevel=3
        )
    if bad:
        message = f"{len(bad)} of {pictures} pictures in {folder}, which cannot be read: {listed(bad)}"
        if len(bad) > MOST_BAD * pictures:
            raise LunetteError(f"there are {message}. That is more than 5 %: mend or remove them")
        warnings.warn(f"left out {message}", LunetteWarning, stacklevel=3)


def listed(names: list[str]) -> str:
    """Return the first ten names, and how many more there are."""
    more = f"; and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return "; ".join(names[:NAMED]) + more


def check_sizes(images: Iterable[tuple[Path, NDArray[np.uint8]]]) -> None:
    """Raise LunetteError unless all pictures have one size."""
    seen: dict[tuple[int, ...], Path] = {}
    for path, image in images:
        seen.setdefault(image.shape[1:], path)
    if len(seen) > 1:
        (a, first), (b, second) = list(seen.items())[:2]
        raise different_sizes(first, a, second, b)


def different_sizes(first: Path | str, a: tuple[int, ...], second: Path | str, b: tuple[int, ...]) -> LunetteError:
    """Return the error for two pictures whose sides (H, W) are a and b."""
    return LunetteError(
        f"pictures have different sizes: {first} is {a[1]}×{a[0]} and {second} is {b[1]}×{b[0]} "
        "(width × height); bring them to one with --size, such as --size 64"
    )


def top_folder(path: Path, folder: Path) -> str:
    """Return the first folder on the way from `folder` to the file `path`; "" where it lies in `folder` itself."""
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else ""


def labels_of(tops: list[str], numeric: bool = False) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    """Return labels as positions among their sorted names, and the names; None where the only one is ""."""
    names = tuple(sorted(set(tops), key=int if numeric and all(map(str.isdecimal, set(tops))) else str))
    if names == ("",):
        return None, ()
    position = {name: i for i, name in enumerate(names)}
    return torch.tensor([position[top] for top in tops]), names


def is_hidden(path: Path, folder: Path) -> bool:
    """Return whether a file is none of the user's: a part of its path below `folder` starts with a dot, say."""
    return path.name in SYSTEM_FILES or any(part.startswith(".") for part in path.relative_to(folder).parts)
