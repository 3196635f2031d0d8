"""Packing a source of pictures, by one process or by several."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch

from lunette.compute import PATIENCE, ProcessGroup, are_to_launch, joined
from lunette.errors import Interrupted
from lunette.files import check_free, whole_folder, writing
from lunette.images import (
    Data,
    DataSettings,
    files_of,
    join_shares,
    pack_facts,
    pack_images,
    read_sized,
    write_share,
)
from lunette.progress import current_watch, watched
from lunette.results.result import Facts
from lunette.runs import Signals
from lunette.signatures import Flag
from lunette.uses.verb import Processes, verb


@verb("data pack", "data and machine", takes=(DataSettings,), without=("validation",))
def pack(
    source: Annotated[Data, Flag("any source of pictures, also .tar files (webdataset)", str, "SOURCE")],
    out: Annotated[str | Path, Flag("folder to write, which is then a source itself", Path, aliases=("-o",))],
    encoded: Annotated[bool, "keep picture files as they are: smaller, and slower to read"] = False,
    processes: Processes = None,
    **settings: Any,
) -> Facts:
    """Write a source as a pack, which may be larger than memory: training reads it from the disk.

    The pack `out` is a folder that training reads through a memory map. Besides what `load` takes, a source is a .tar
    file, or a folder with some, laid out as webdataset does. `encoded` keeps picture files as they are, to be decoded
    whenever they are read. Memory does not grow with the number of pictures, where they are files. With `processes` so
    many are launched here, which write the pictures of some of the files each, in the same order; those of the first
    are announced. Returns facts about the pack; raises LunetteError for what `load` refuses, where `out` exists, and
    where a process is lost, and Interrupted after SIGINT or SIGTERM, with nothing left of the pack.

    Example:
        lunette data pack my-photos/ -o photos.pack --size 64
    """
    how, out = DataSettings(**settings), Path(out).expanduser()
    check_free(out)
    if are_to_launch(processes):
        files_of(source, how, encoded, processes)
        _launch(str(source), out, how, encoded, processes)
    else:
        with Signals() as signals, joined(torch.device("cpu"), processes, PATIENCE) as group:
            others = current_watch()

            def told(news: object) -> None:
                if signals.received:
                    raise Interrupted("packing was stopped, and nothing is left of it", signals.received)
                if group.leads and others:
                    others(news)

            with watched(told):
                _pack(source, out, how, encoded, group)
    facts = Facts(pack_facts(out))
    facts.title = str(out)
    return facts


def _pack(source: Data, out: Path, settings: DataSettings, encoded: bool, group: ProcessGroup) -> None:
    """Do what `pack` does, as one of a group."""
    files = files_of(source, settings, encoded, group.size)
    if files is None:
        parts = {name: part for name, part in vars(read_sized(source, settings)).items() if part is not None}
        with whole_folder(out) as folder:
            pack_images(folder, parts)
        return
    mine = files.share(group.share(len(files.paths)))
    with shared_folder(out, group) as folder:
        name = "" if group.size == 1 else f"-{group.rank}"
        share = write_share(folder, name, mine, settings, encoded)
        channels = group.largest(share.shape[0] if share.shape else 0)
        if share.shape and share.shape[0] < channels and not encoded:  # another process met colour
            share = write_share(folder, name, mine, replace(settings, channels=3), encoded)
        shares = group.gather(share)
        if group.leads:
            join_shares(folder, files, shares, settings, encoded)


@contextlib.contextmanager
def shared_folder(out: Path, group: ProcessGroup) -> Iterator[Path]:
    """Give a group a folder to write into, which takes the place of `out` when all went well for all of them."""
    if group.leads:
        with whole_folder(out) as folder:
            yield Path(group.broadcast(str(folder)))
        group.wait()
        return
    folder = Path(group.broadcast(""))
    try:
        with writing(out):
            yield folder
        group.wait()
    except (Interrupted, RuntimeError):  # the first process, which removes the folder otherwise, may be lost
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _launch(source: str, out: Path, settings: DataSettings, encoded: bool, processes: int) -> None:
    """Let several processes do it."""
    from lunette.compute.launch import launch  # here, because one process need not wait for this import

    size = () if settings.size is None else (f"--size={settings.size}",)
    channels = () if settings.channels is None else (f"--channels={settings.channels}",)
    span = () if settings.range is None else (f"--range={settings.range}",)
    how = (f"--fit={settings.fit}", f"--frames={settings.frames}")
    flags = (f"--out={out}", *how, *size, *span, *channels, *(("--encoded",) if encoded else ()))
    launch(("data", "pack", source, *flags), processes)
