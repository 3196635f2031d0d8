"""Packs are written here, a picture at a time: by one process, or by several that have a share of the files each."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lunette.errors import LunetteError
from lunette.files import write_through
from lunette.images.folder import different_sizes, labels_of, no_pictures, report
from lunette.images.pack_index import INDEX, PackIndex, Shard, read_index, sha256_of
from lunette.images.pictures import Shape, attempt, bombs_refused
from lunette.images.records import FolderRecords, Record, TarRecords, records, unlike_before
from lunette.images.sets import Images
from lunette.images.settings import DataSettings
from lunette.images.shards import ShardWriter, finished_part
from lunette.images.sources import Data, is_name
from lunette.progress import Progress, Watch

AHEAD = 4  # pictures a thread that may wait to be written
BLOCK_BYTES = 2**24  # of pixels that are taken from a source at a time

Files = FolderRecords | TarRecords


def files_of(source: Data, encoded: bool, processes: int) -> Files | None:
    """Return the picture files of a source, or None where its pictures are no files.

    Raises LunetteError where these are to be kept `encoded`, or are to be shared, and for fewer files than processes.
    """
    files = records(Path(source).expanduser()) if isinstance(source, str | Path) and not is_name(source) else None
    if files is None and encoded:
        raise LunetteError("there are no picture files to keep encoded in this source: pack it without --encoded")
    if files is None and processes > 1:
        raise LunetteError("there are no picture files to share in this source: pack it without --processes")
    if files is not None and len(files.paths) < processes:
        raise LunetteError(
            f"{processes} processes cannot share {len(files.paths)} files in {files.where}: ask for fewer"
        )
    return files


def pack_facts(pack: Path) -> dict[str, object]:
    """Return facts about a pack that was written."""
    index = read_index(pack, check=False)
    written = [file for part in index.parts.values() for file in part.files]
    return {
        "kind": index.kind,
        "shape": list(index.shape),
        **{name: part.pictures for name, part in index.parts.items()},
        "files": len(written),
        "bytes": sum(file.bytes for file in written),
        "sha256": sha256_of(pack / INDEX),
    }


def pack_images(folder: Path, images: Mapping[str, Images], watch: Watch) -> None:
    """Write pictures that are there already, the test pictures as a part of their own, and pack.json."""
    parts, done, total = {}, 0, sum(map(len, images.values()))
    shape = images["train"].shape
    step = max(1, BLOCK_BYTES // math.prod(shape))
    for name, part in images.items():
        with closing(ShardWriter(folder, name)) as writer:
            for start in range(0, len(part), step):
                for picture in part.pixels[start : start + step].numpy():
                    writer.add(picture)
                    done += 1
                watch(Progress("packing", done, total))
            parts[name] = finished_part(folder, name, writer.finish(), part.labels, part.label_names, part.factors)
    write_through(folder / INDEX, PackIndex("pixels", shape, "crop", parts).to_json())


@dataclass
class Share:
    """What one process wrote of a pack: all pictures, or those in its share of the files."""

    shards: list[Shard] = field(default_factory=list)
    shape: Shape | None = None  # None without a good picture
    first: str = ""  # the first good one, whose sides the others have
    labels: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # files that are no pictures
    done: int = 0  # pictures, also the bad ones


class ColourAfterGrey(Exception):
    """A colour picture came after grey ones were written with one channel."""


def write_share(folder: Path, name: str, files: Files, settings: DataSettings, encoded: bool, watch: Watch) -> Share:
    """Write pictures to shards called `name`, as they are decoded; damaged ones are left out and listed."""
    try:
        return _write_share(folder, name, files, settings, encoded, watch)
    except ColourAfterGrey:
        return _write_share(folder, name, files, replace(settings, channels=3), encoded, watch)


def _write_share(folder: Path, name: str, files: Files, settings: DataSettings, encoded: bool, watch: Watch) -> Share:
    share = Share()
    total = len(files) if isinstance(files, FolderRecords) else None
    with bombs_refused(), closing(ShardWriter(folder, name)) as writer:
        for record, data, picture in decoded(files, settings):
            share.done += 1
            watch(Progress("packing", share.done, total))
            if isinstance(picture, str):
                share.bad.append(f"{record.name} ({picture})")
                continue
            share.first = share.first or record.name
            share.shape = shape_with(share, picture.shape, record.name, encoded)
            share.labels.append(record.label)
            writer.add(data if encoded else np.broadcast_to(picture, share.shape))
        share.shards, share.others = writer.finish(), files.others
    return share


def join_shares(folder: Path, files: Files, shares: Sequence[Share], settings: DataSettings, encoded: bool) -> None:
    """Write the labels and the pack.json of a pack whose shares are written.

    Raises LunetteError where more than 5 % of all pictures are damaged, where there is none, where sizes differ
    and `settings` give none, and where some pictures in archives have labels and others have none.
    """
    whole = Share()
    for share in shares:
        if share.shape:
            whole.first = whole.first or share.first
            whole.shape = shape_with(whole, share.shape, share.first, encoded)
            if isinstance(files, TarRecords) and whole.labels and bool(whole.labels[0]) != bool(share.labels[0]):
                raise unlike_before(share.first, share.labels[0], files.where)
        whole.done += share.done
        for name in ("shards", "labels", "bad", "others"):
            getattr(whole, name).extend(getattr(share, name))
    report(files.where, whole.others, whole.bad, whole.done)
    if whole.shape is None:
        raise no_pictures(files.where, len(whole.others))
    part = finished_part(folder, "train", whole.shards, *labels_of(whole.labels, files.numeric))
    index = PackIndex("encoded" if encoded else "pixels", whole.shape, settings.fit, {"train": part})
    write_through(folder / INDEX, index.to_json())


def shape_with(share: Share, other: tuple[int, ...], name: str, encoded: bool) -> Shape:
    """Return the shape of a share when the picture `name` of the shape `other` joins it."""
    channels, height, width = share.shape or other
    if other[1:] != (height, width):
        raise different_sizes(share.first, (height, width), name, other[1:])
    if other[0] > channels and not encoded:
        raise ColourAfterGrey
    return max(channels, other[0]), height, width


def decoded(files: Files, settings: DataSettings) -> Iterator[tuple[Record, bytes, NDArray[np.uint8] | str]]:
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
