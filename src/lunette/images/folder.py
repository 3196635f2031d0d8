"""A folder of picture files; its sub-folders are labels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lunette.errors import LunetteError, LunetteWarning
from lunette.images.pictures import SUFFIXES, fitted, open_picture, to_array
from lunette.images.sets import Images
from lunette.images.settings import DataSettings

MOST_BAD = 0.05  # share of files that may be damaged; more of them are no accident
NAMED = 10


def read_folder(folder: Path, settings: DataSettings) -> Images:
    """Return all pictures below `folder`, in the order of their paths, with first-level folders as labels.

    Files that cannot be read are named in a warning and left out. Raises LunetteError where more than 5 %
    cannot, where there is no picture, and where sizes differ and `settings` give none.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not is_hidden(p, folder))
    if not paths:
        raise LunetteError(f"{folder} has no pictures: their names end in {', '.join(sorted(SUFFIXES))}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda path: attempt(path, settings), paths))
    bad = {path: error for path, error in zip(paths, results, strict=True) if isinstance(error, str)}
    report_bad(folder, bad, len(paths))
    images = {path: image for path, image in zip(paths, results, strict=True) if not isinstance(image, str)}
    check_sizes(images.items())
    channels = settings.channels or (1 if all(image.mode == "L" for image in images.values()) else 3)
    pixels = np.stack([to_array(image, channels) for image in images.values()])
    return Images(torch.from_numpy(pixels), *labels_of([path.relative_to(folder) for path in images]))


def attempt(path: Path, settings: DataSettings) -> Image.Image | str:
    """Return the picture in `path`, or what is wrong with it."""
    try:
        image = open_picture(path)
        return fitted(image, settings.sides, settings.fit) if settings.sides else image
    # Pillow raises many kinds of errors for damaged files: SyntaxError, struct.error, its own.
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def report_bad(folder: Path, bad: dict[Path, str], n: int) -> None:
    """Warn of files that could not be read; raise LunetteError where they are too many."""
    if not bad:
        return
    named = "; ".join(f"{path.relative_to(folder)} ({error})" for path, error in list(bad.items())[:NAMED])
    more = f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    message = f"{len(bad)} of {n} files in {folder} cannot be read as pictures: {named}{more}"
    if len(bad) > MOST_BAD * n:
        raise LunetteError(f"{message}. That is more than 5 %: mend or remove them")
    warnings.warn(f"left out {message}", LunetteWarning, stacklevel=2)


def check_sizes(images: Iterable[tuple[Path, Image.Image]]) -> None:
    """Raise LunetteError unless all pictures have one size."""
    seen: dict[tuple[int, int], Path] = {}
    for path, image in images:
        seen.setdefault(image.size, path)
    if len(seen) > 1:
        (a, first), (b, second) = list(seen.items())[:2]
        raise LunetteError(
            f"pictures have different sizes: {first} is {a[0]}×{a[1]} and {second} is {b[0]}×{b[1]}; bring them to "
            "one with --size, such as --size 64"
        )


def labels_of(paths: list[Path]) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    """Return each path's first folder as a label, and the labels' names; None where all lie together."""
    tops = [path.parts[0] if len(path.parts) > 1 else "" for path in paths]
    names = tuple(sorted(set(tops)))
    if len(names) < 2:
        return None, ()
    return torch.tensor([names.index(top) for top in tops]), names


def is_hidden(path: Path, folder: Path) -> bool:
    """Return whether a part of the path below `folder` starts with a dot."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
