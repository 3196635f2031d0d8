"""A folder of picture files; its sub-folders are labels, or splits that hold them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lunette.errors import LunetteError, LunetteWarning
from lunette.images.pictures import SUFFIXES, Decoded, attempt, bombs_refused
from lunette.images.ranges import BYTES, Span, span_of, to_bytes
from lunette.images.sets import Images, Parts, labels_of
from lunette.images.settings import DataSettings
from lunette.images.sources.converting import lines_for
from lunette.images.sources.source import Source, path_of, source
from lunette.images.sources.walk import FRAMES, SHEETS, SPLITS, LeftOut, listed, walk, warn_of
from lunette.names import written

MOST_BAD = 0.05  # share of pictures that may be damaged; more of them are no accident
Place = tuple[str, str]  # the split and the label of a picture; a label of "" is none


def read_folder(folder: Path, settings: DataSettings) -> tuple[Parts, Images, tuple[str, ...]]:
    """Return the pictures below `folder` in its splits, and all of them with their paths below it, in order.

    First-level folders are labels, or else splits (train, val, test) whose folders are labels. All that is left out is
    named in a warning. Raises LunetteError where more than 5 % of the pictures are damaged, where there is none, where
    sizes differ and `settings` give none, and where folders may be splits or labels.
    """
    paths, left_out = walk(folder)
    if not paths:
        raise no_pictures(folder, left_out)
    with bombs_refused(), ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(paths, pool.map(lambda path: attempt(path, settings), paths), strict=True))
    report(folder, left_out, {str(path.relative_to(folder)): each for path, each in found.items()}, len(paths))
    taken = {path: list(decoded.pictures) for path, decoded in found.items() if decoded.pictures}
    if not taken:
        raise no_pictures(folder, left_out)
    deep = {path: decoded.deep for path, decoded in found.items() if decoded.deep and not settings.span}
    del found
    check_sizes((path, picture) for path, pictures in taken.items() for picture in pictures)
    files = [path for path, pictures in taken.items() for _ in pictures]
    height, width = taken[files[0]][0].shape[1:]
    channels = max(len(picture) for pictures in taken.values() for picture in pictures)
    pixels = np.empty((len(files), channels, height, width), np.uint8)
    spans = (settings.span or span_of_deep(taken, deep, folder), span_of_bytes(taken, settings, folder))
    for row, path in zip(pixels, files, strict=True):
        row[:] = to_bytes(taken[path].pop(0), spans[path not in deep])  # frees each as it goes, to hold none twice
    places = places_of(files, folder)
    whole = Images(torch.from_numpy(pixels), span=spans[not deep and not settings.span])
    parts = parts_of(whole, places)
    images = parts.train if len(parts.train) == len(files) else whole
    return parts, images, tuple(written(path.relative_to(folder).as_posix()) for path in files)


def span_of_deep(taken: Mapping[Path, Sequence[NDArray[Any]]], deep: Mapping[Path, str], folder: Path) -> Span:
    """Return black and white of the pictures whose numbers are not bytes: one for all of them."""
    extremes = [float(end) for path in deep for picture in taken[path] for end in (picture.min(), picture.max())]
    if not extremes:
        return BYTES
    return span_of("f" if "f" in deep.values() else "i", min(extremes), max(extremes), f"{folder} ({len(deep)} files)")


def span_of_bytes(taken: Mapping[Path, Sequence[NDArray[Any]]], settings: DataSettings, folder: Path) -> Span:
    """Return black and white of the pictures of bytes: 0 and 255, unless they are masks of zeros and ones."""
    bytes_ = [picture for pictures in taken.values() for picture in pictures if picture.dtype == np.uint8]
    if settings.span or not bytes_:
        return BYTES
    return span_of("u8", 0, float(max(picture.max() for picture in bytes_)), str(folder))


def places_of(files: Sequence[Path], folder: Path) -> list[Place]:
    """Return the split and the label of each picture below `folder`; without splits all are for training.

    Raises LunetteError where some of the folders may be splits and others may not.
    """
    ways = [path.relative_to(folder).parts for path in files]
    tops = {way[0] if len(way) > 1 else "" for way in ways}
    splits = {top: SPLITS[top.lower()] for top in tops if top.lower() in SPLITS}
    if "train" not in splits.values() or len(set(splits.values())) == 1:
        check_below(ways, folder)
        return [("train", written(way[0]) if len(way) > 1 else "") for way in ways]
    if others := sorted(tops - set(splits)):
        raise LunetteError(
            f"the folders {', '.join(sorted(splits))} in {folder} may be splits of the data, or labels beside "
            f"{', '.join(other or 'the pictures of no folder' for other in others)}: for splits, move those away; for "
            "labels, give them other names"
        )
    return [(splits[way[0]], written(way[1]) if len(way) > 2 else "") for way in ways]


def check_below(ways: Sequence[tuple[str, ...]], folder: Path) -> None:
    """Raise LunetteError where first-level folders hold splits, whose test pictures would be trained on."""
    below = {(way[0], SPLITS[way[1].lower()]) for way in ways if len(way) > 2 and way[1].lower() in SPLITS}
    if both := sorted(top for top, split in below if split == "train" and (top, "test") in below):
        raise LunetteError(
            f"{folder} holds folders with train and test in them ({listed(both)}), which may be data sets of their "
            f"own, or labels whose pictures are all to be trained on: give one of them, such as {folder / both[0]}, "
            "or give the folders called train and test other names"
        )


def parts_of(images: Images, places: Sequence[Place]) -> Parts:
    """Return the pictures of each split, whose labels have the same numbers in all; those without have none."""
    labels = {split: [label for where, label in places if where == split] for split in dict(places)}
    parts = {}
    for split, known in labels_of(labels).items():
        mine = images if len(labels) == 1 else images.take(torch.tensor([where == split for where, _ in places]))
        parts[split] = replace(mine, labels=known[0], label_names=known[1])
    return Parts(**parts)


def no_pictures(where: Path, left_out: Sequence[LeftOut]) -> LunetteError:
    """Return the error for a source without pictures."""
    warn_of(left_out, where)
    known = ", ".join(sorted(SUFFIXES))
    lines = next((lines for _, name in left_out if (lines := lines_for(where / name))), None)
    mend = f". One of them becomes a source by\n\n{lines}\n" if lines else ""
    return LunetteError(f"{where} has no pictures among {len(left_out)} files: their names end in {known}{mend}")


def report(folder: Path, left_out: Sequence[LeftOut], found: Mapping[str, Decoded], files: int) -> None:
    """Warn of what is left out and of damaged pictures; raise LunetteError where these are too many of the `files`.

    `found` is what came of each file from which not all was taken, by its name.
    """
    sheets = [(SHEETS, name) for name, decoded in found.items() if decoded.is_sheet]
    frames = [(FRAMES, f"{decoded.frames_left} in {name}") for name, decoded in found.items() if decoded.frames_left]
    warn_of([*left_out, *sheets, *frames], folder)
    bad = [f"{name} ({decoded.wrong})" for name, decoded in found.items() if decoded.wrong]
    if bad:
        message = f"{len(bad)} of {files} pictures in {folder}, which cannot be read: {listed(bad)}"
        if len(bad) > MOST_BAD * files:
            raise LunetteError(f"there are {message}. That is more than 5 %: mend or remove them")
        warnings.warn(f"left out {message}", LunetteWarning, stacklevel=3)


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


@source
class Folder(Source):
    """A folder with picture files in it, or in its sub-folders, whose names are labels."""

    help = "a folder of pictures"
    rank = 3
    is_files = True

    def matches(self, text: str) -> bool:  # noqa: D102
        return path_of(text).is_dir()

    def read(self, text: str, settings: DataSettings, check: bool) -> Parts:  # noqa: ARG002, D102
        return read_folder(path_of(text), settings)[0]

    def read_named(self, text: str, settings: DataSettings) -> tuple[Images, tuple[str, ...]]:
        """Return all of its pictures, also where folders are splits, and their paths below it."""
        _, images, names = read_folder(path_of(text), settings)
        return images, names
