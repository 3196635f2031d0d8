"""Packs are written here: a picture at a time, whole or not at all."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lunette.errors import LunetteError
from lunette.files import whole_folder, write_through
from lunette.images.folder import different_sizes, labels_of, no_pictures, report
from lunette.images.pack_index import INDEX, PackIndex, sha256_of
from lunette.images.pictures import Shape, attempt, bombs_refused
from lunette.images.records import FolderRecords, Record, TarRecords, records
from lunette.images.sets import Images
from lunette.images.settings import DataSettings
from lunette.images.shards import ShardWriter
from lunette.images.sources import DEFAULT, Data, is_name, read_sized

AHEAD = 4  # pictures a thread that may wait to be written
BLOCK_BYTES = 2**24  # of pixels that are taken from a source at a time

Watch = Callable[[int, int | None], None]  # pictures done, and of how many where that is known


def pack(
    source: Data,
    out: str | Path,
    settings: DataSettings = DEFAULT,
    encoded: bool = False,
    watch: Watch = lambda *_: None,
) -> dict[str, object]:
    """Write the pictures of `source` to the pack `out`, a folder that training reads through a memory map.

    Besides what `load` takes, a source is a .tar file, or a folder with some, laid out as webdataset does.
    `encoded` keeps picture files as they are, to be decoded whenever they are read. Memory does not grow with
    the number of pictures, where they are files. Returns facts about the pack; raises LunetteError for what
    `load` refuses, and where `out` exists.
    """
    out = Path(out).expanduser()
    if not out.name or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise LunetteError(f"{out} exists already: choose another folder with --out, or remove it")
    files = records(Path(source).expanduser()) if isinstance(source, str | Path) and not is_name(source) else None
    if files is None:
        if encoded:
            raise LunetteError("there are no picture files to keep encoded in this source: pack it without --encoded")
        train, test = read_sized(source, settings)
        images = {"train": train} | ({} if test is None else {"test": test})
    with whole_folder(out) as folder:
        if files is None:
            index = pack_images(folder, images, watch)
        else:
            index = pack_files(folder, files, settings, encoded, watch)
        write_through(folder / INDEX, index.to_json())
    written = [file for part in index.parts.values() for file in part.files]
    return {
        "kind": index.kind,
        "shape": list(index.shape),
        **{name: part.pictures for name, part in index.parts.items()},
        "files": len(written),
        "bytes": sum(file.bytes for file in written),
        "sha256": sha256_of(out / INDEX),
    }


def pack_images(folder: Path, images: Mapping[str, Images], watch: Watch) -> PackIndex:
    """Write pictures that are there already, the test pictures as a part of their own."""
    parts, done, total = {}, 0, sum(map(len, images.values()))
    shape = images["train"].shape
    step = max(1, BLOCK_BYTES // math.prod(shape))
    for name, part in images.items():
        with closing(ShardWriter(folder, name)) as writer:
            for start in range(0, len(part), step):
                for picture in part.pixels[start : start + step].numpy():
                    writer.add(picture)
                    done += 1
                watch(done, total)
            parts[name] = writer.finish(part.labels, part.label_names, part.factors)
    return PackIndex("pixels", shape, "crop", parts)


class ColourAfterGrey(Exception):
    """A colour picture came after grey ones were written with one channel."""


def pack_files(
    folder: Path, files: FolderRecords | TarRecords, settings: DataSettings, encoded: bool, watch: Watch
) -> PackIndex:
    """Write pictures as they are decoded; those that are damaged are left out as `read_folder` does."""
    try:
        return _pack_files(folder, files, settings, encoded, watch)
    except ColourAfterGrey:
        return _pack_files(folder, files, replace(settings, channels=3), encoded, watch)


def _pack_files(
    folder: Path, files: FolderRecords | TarRecords, settings: DataSettings, encoded: bool, watch: Watch
) -> PackIndex:
    labels: list[str] = []
    bad: list[str] = []
    shape, first, done = None, "", 0
    total = len(files) if isinstance(files, FolderRecords) else None
    with bombs_refused(), closing(ShardWriter(folder, "train")) as writer:
        for done, (record, data, picture) in enumerate(decoded(files, settings), start=1):
            watch(done, total)
            if isinstance(picture, str):
                bad.append(f"{record.name} ({picture})")
                continue
            if shape is None:
                shape, first = picture.shape, record.name
            shape = joined(shape, first, picture, record.name, encoded)
            labels.append(record.label)
            writer.add(data if encoded else np.broadcast_to(picture, shape))
        report(files.where, files.others, bad, done)
        if shape is None:
            raise no_pictures(files.where, len(files.others))
        part = writer.finish(*labels_of(labels, files.numeric), {})
    return PackIndex("encoded" if encoded else "pixels", shape, settings.fit, {"train": part})


def joined(shape: tuple[int, ...], first: str, picture: NDArray[np.uint8], name: str, encoded: bool) -> Shape:
    """Return the shape of a pack of `shape` when `picture` joins it."""
    if picture.shape[1:] != shape[1:]:
        raise different_sizes(first, shape[1:], name, picture.shape[1:])
    if len(picture) > shape[0] and not encoded:
        raise ColourAfterGrey
    return max(shape[0], len(picture)), shape[1], shape[2]


def decoded(
    files: FolderRecords | TarRecords, settings: DataSettings
) -> Iterator[tuple[Record, bytes, NDArray[np.uint8] | str]]:
    """Yield each picture's file as bytes, and decoded or what is wrong with it, in order."""
    threads = os.cpu_count() or 1
    waiting: deque[tuple[Record, Future[tuple[bytes, NDArray[np.uint8] | str]]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for record in files:
            waiting.append((record, pool.submit(opened, record.file, settings)))
            if len(waiting) > AHEAD * threads:
                first, result = waiting.popleft()
                yield first, *result.result()
        while waiting:
            first, result = waiting.popleft()
            yield first, *result.result()


def opened(file: Path | bytes, settings: DataSettings) -> tuple[bytes, NDArray[np.uint8] | str]:
    """Return a picture's file as bytes, and decoded or what is wrong with it."""
    try:
        data = file if isinstance(file, bytes) else file.read_bytes()
    except OSError as error:
        return b"", f"{type(error).__name__}: {error}"
    return data, attempt(data, settings)
