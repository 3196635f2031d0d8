"""A pack, whose pictures stay on the disk, and the archives that one is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lunette.errors import LunetteError
from lunette.images.packs.index import is_pack, read_index
from lunette.images.packs.packed import PackedPixels
from lunette.images.sets import Images, Parts
from lunette.images.settings import DataSettings
from lunette.images.sources.source import Source, path_of, source
from lunette.names import quoted


@source
class Pack(Source):
    """A folder that `lunette data pack` wrote."""

    help = "a pack"
    rank = 1

    def matches(self, text: str) -> bool:  # noqa: D102
        return is_pack(path_of(text))

    def read(self, text: str, settings: DataSettings, check: bool) -> Parts:  # noqa: D102
        return read_pack(path_of(text), settings, check)


@source
class Tar(Source):
    """A tar archive laid out as webdataset does, which is read from a pack alone."""

    is_files = True

    def matches(self, text: str) -> bool:  # noqa: D102
        path = path_of(text)
        return path.suffix == ".tar" and path.is_file()

    def read(self, text: str, settings: DataSettings, check: bool) -> Parts:  # noqa: ARG002, D102
        path = path_of(text)
        raise LunetteError(f"{path} is read from a pack: make one with lunette data pack {quoted(path)} -o FOLDER")


def read_pack(folder: Path, settings: DataSettings, check: bool) -> Parts:
    """Return the pictures of a pack, whose pixels stay on the disk.

    Raises LunetteError where `settings` ask for another size or other channels.
    """
    index = read_index(folder, check)
    channels, *sides = index.shape
    if settings.sides not in (None, tuple(sides)) or settings.channels not in (None, channels):
        raise LunetteError(
            f"{folder} holds pictures of {' × '.join(map(str, index.shape))} (channels × height × width): for another "
            "--size or other --channels pack the source anew, with lunette data pack"
        )
    parts = {}
    for name, part in index.parts.items():
        labels = torch.from_numpy(np.load(folder / part.labels.name)) if part.labels else None
        factors = {key: torch.from_numpy(np.load(folder / file.name)) for key, file in part.factors.items()}
        parts[name] = Images(PackedPixels(folder, index, name), labels, part.label_names, factors)
    return Parts(**parts)
