"""Packs are written here, a picture at a time: by one process, or by several that have a share of the files each."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lunette.errors import LunetteError
from lunette.files import write_through
from lunette.images.packs.index import INDEX, PackIndex, Part, Shard, read_index, sha256_of
from lunette.images.packs.records import FolderRecords, Record, TarRecords, records, unlike_before
from lunette.images.packs.shards import ShardWriter, finished_part
from lunette.images.pictures import Decoded, Shape, attempt, bombs_refused
from lunette.images.sets import Images, labels_of
from lunette.images.settings import DataSettings
from lunette.images.sources.folder import different_sizes, no_pictures, report
from lunette.images.sources.reading import Data, kind_of
from lunette.images.sources.source import path_of
from lunette.images.sources.walk import LeftOut
from lunette.progress import Progress, announce

AHEAD = 4  # pictures a thread that may wait to be written
BLOCK_BYTES = 2**24  # of pixels that are taken from a source at a time

Files = FolderRecords | TarRecords


def files_of(source: Data, settings: DataSettings, encoded: bool, processes: int) -> Files | None:
    """Return the picture files of a source, or None where its pictures are no files.

    Raises LunetteError where these are to be kept `encoded`, or are to be shared, and for fewer files than processes.
    """
    text = str(source) if isinstance(source, str | Path) else ""
    files = records(path_of(text)) if text and kind_of(text).is_files else None
    if files is None and encoded:
        raise LunetteError("there are no picture files to keep encoded in this source: pack it without --encoded")
    if files is None and processes > 1:
        raise LunetteError("there are no picture files to share in this source: pack it without --processes")
    if files is not None and encoded and settings.frames == "all":
        raise LunetteError("a pack of files as they are has one picture a file: leave out --encoded or --frames all")
    if files is not None and encoded and settings.range:
        raise LunetteError("a pack of files as they are keeps their numbers: leave out --encoded or --range")
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


def pack_images(folder: Path, images: Mapping[str, Images]) -> None:
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
                announce(Progress("packing", done, total))
            parts[name] = finished_part(folder, name, writer.finish(), part.labels, part.label_names, part.factors)
    write_through(folder / INDEX, PackIndex("pixels", shape, "crop", parts).to_json())


@dataclass
class Share:
    """What one process wrote of a pack: all pictures, or those in its share of the files."""

    shards: dict[str, list[Shard]] = field(default_factory=dict)  # of each split, as are the labels
    labels: dict[str, list[str]] = field(default_factory=dict)
    shape: Shape | None = None  # None without a good picture
    first: str = ""  # the first good one, whose sides the others have
    left_out: list[LeftOut] = field(default_factory=list)
    odd: dict[str, Decoded] = field(default_factory=dict)  # files from which not all was taken, by name
    done: int = 0  # files


class ColourAfterGrey(Exception):
    """A colour picture came after grey ones were written with one channel."""


def write_share(folder: Path, name: str, files: Files, settings: DataSettings, encoded: bool) -> Share:
    """Write pictures to shards called SPLIT`name`, as they are decoded; damaged ones are left out and listed."""
    try:
        return _write_share(folder, name, files, settings, encoded)
    except ColourAfterGrey:
        return _write_share(folder, name, files, replace(settings, channels=3), encoded)


def _write_share(folder: Path, name: str, files: Files, settings: DataSettings, encoded: bool) -> Share:
    share = Share()
    total = len(files) if isinstance(files, FolderRecords) else None
    writers: dict[str, ShardWriter] = {}
    with bombs_refused(), ExitStack() as stack:
        for record, data, found in decoded(files, settings):
            share.done += 1
            announce(Progress("packing", share.done, total))
            if not found.pictures or found.frames_left:
                share.odd[record.name] = replace(found, pictures=())
            if found.pictures and record.split not in writers:
                writers[record.split] = stack.enter_context(closing(ShardWriter(folder, f"{record.split}{name}")))
            if found.deep and not settings.span:
                raise LunetteError(
                    f"the numbers of {record.name} are no bytes, and a pack is written before all are known: say what "
                    "black and white are with --range, such as --range 0,65535"
                )
            for picture in found.pictures:
                share.first = share.first or record.name
                share.shape = shape_with(share, picture.shape, record.name, encoded)
                share.labels.setdefault(record.split, []).append(record.label)
                writers[record.split].add(data if encoded else np.broadcast_to(picture, share.shape))
        share.shards = {split: writer.finish() for split, writer in writers.items()}
        share.left_out = files.left_out
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
            mine, others = share.labels.get("train", [""]), whole.labels.get("train")
            if isinstance(files, TarRecords) and others and bool(others[0]) != bool(mine[0]):
                raise unlike_before(share.first, mine[0], files.where)
        whole.done += share.done
        whole.left_out += share.left_out
        whole.odd |= share.odd
        for split, labels in share.labels.items():
            whole.labels.setdefault(split, []).extend(labels)
            whole.shards.setdefault(split, []).extend(share.shards[split])
    report(files.where, whole.left_out, whole.odd, whole.done)
    if whole.shape is None:
        raise no_pictures(files.where, whole.left_out)
    index = PackIndex("encoded" if encoded else "pixels", whole.shape, settings.fit, finished_parts(folder, whole))
    write_through(folder / INDEX, index.to_json())


def finished_parts(folder: Path, share: Share) -> dict[str, Part]:
    """Return the parts of a pack, in which a label has the same number; a split without labels has none."""
    known = labels_of(share.labels)
    return {split: finished_part(folder, split, share.shards[split], *known[split]) for split in known}


def shape_with(share: Share, other: tuple[int, ...], name: str, encoded: bool) -> Shape:
    """Return the shape of a share when the picture `name` of the shape `other` joins it."""
    channels, height, width = share.shape or other
    if other[1:] != (height, width):
        raise different_sizes(share.first, (height, width), name, other[1:])
    if other[0] > channels and not encoded:
        raise ColourAfterGrey
    return max(channels, other[0]), height, width


def decoded(files: Files, settings: DataSettings) -> Iterator[tuple[Record, bytes, Decoded]]:
    """Yield each picture's file as bytes, and decoded or what is wrong with it, in order."""
    threads = os.cpu_count() or 1
    waiting: deque[tuple[Record, Future[tuple[bytes, Decoded]]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for record in files:
            waiting.append((record, pool.submit(opened, record.file, settings)))
            if len(waiting) > AHEAD * threads:
                first, result = waiting.popleft()
                yield first, *result.result()
        while waiting:
            first, result = waiting.popleft()
            yield first, *result.result()


def opened(file: Path | bytes, settings: DataSettings) -> tuple[bytes, Decoded]:
    """Return a picture's file as bytes, and decoded or what is wrong with it."""
    try:
        data = file if isinstance(file, bytes) else file.read_bytes()
    except OSError as error:
        return b"", Decoded(wrong=f"{type(error).__name__}: {error}")
    return data, attempt(data, settings)
