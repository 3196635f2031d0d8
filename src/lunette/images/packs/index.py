"""What pack.json says: the pictures of a pack and the files that hold them, each with its size and SHA-256.

A shard of pixels is an .npy file, uint8 (n, C, H, W). A shard of encoded pictures is their files, one after
another; its offsets, int64 (n + 1,), say where each begins and the last one ends.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from lunette.errors import LunetteError
from lunette.images.pictures import Shape
from lunette.images.settings import Fit
from lunette.stored import from_json, reading, to_json, typed

INDEX = "pack.json"
FORMAT = 1
HEADER_BYTES = 128  # of an .npy file
CHUNK = 2**20  # bytes that are hashed at a time


@dataclass(frozen=True)
class PackFile:
    """A file of a pack."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Shard:
    """A file of pictures; with offsets they are encoded."""

    pictures: int
    data: PackFile
    offsets: PackFile | None = None


@dataclass(frozen=True)
class Part:
    """The shards of a pack's training or test pictures, and the .npy files of what is known of each picture."""

    shards: tuple[Shard, ...]
    labels: PackFile | None
    label_names: tuple[str, ...]
    factors: Mapping[str, PackFile]

    @property
    def pictures(self) -> int:
        """How many pictures the part has."""
        return sum(shard.pictures for shard in self.shards)

    @property
    def files(self) -> list[PackFile]:
        """All files of the part."""
        known = [self.labels, *self.factors.values(), *(shard.offsets for shard in self.shards)]
        return [shard.data for shard in self.shards] + [file for file in known if file is not None]


@dataclass(frozen=True)
class PackIndex:
    """The content of pack.json."""

    kind: Literal["pixels", "encoded"]
    shape: Shape
    fit: Fit  # how encoded pictures are brought to the shape
    parts: Mapping[str, Part]  # "train", and "test" where the source has its own

    def to_json(self) -> bytes:
        """Return pack.json's content."""
        return to_json({"format": FORMAT, **asdict(self)}).encode()


def is_pack(folder: Path) -> bool:
    """Return whether `folder` is a pack."""
    return (folder / INDEX).is_file()


def read_index(folder: Path, check: bool = True) -> PackIndex:
    """Return what the pack.json in `folder` says, after a look at every file that it names.

    Raises LunetteError where one is missing, or has another size or SHA-256; that of pictures is looked at only where
    they are to be checked, since it takes long.
    """
    with reading(folder / INDEX, "a pack's list of files", "restore the file, or pack again"):
        content = from_json((folder / INDEX).read_bytes())
        if (found := content.pop("format")) != FORMAT:
            raise ValueError(f"it has format {found}, and this Lunette reads {FORMAT}")
        index: PackIndex = typed(PackIndex, content)
        if not all(is_consistent(index, part) for part in (index.parts["train"], *index.parts.values())):
            raise ValueError("its numbers contradict one another")
    files = [file for part in index.parts.values() for file in part.files]
    large = {shard.data for part in index.parts.values() for shard in part.shards}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda file: check_file(folder, file, check or file not in large), files))
    return index


def is_consistent(index: PackIndex, part: Part) -> bool:
    """Return whether a part has pictures, in files of the pack that are as large as so many pictures make them."""
    sizes = {}
    for shard in part.shards:
        if index.kind == "pixels":
            sizes[shard.data] = shard.pictures * math.prod(index.shape)
        elif shard.offsets:
            sizes[shard.offsets] = (shard.pictures + 1) * 8
    if part.labels:
        sizes[part.labels] = part.pictures * 8
    encoded = [shard.offsets is not None for shard in part.shards]
    return (
        all(shard.pictures > 0 for shard in part.shards)
        and all(side > 0 for side in index.shape)
        and all(Path(file.name).name == file.name for file in part.files)
        and all(file.bytes == HEADER_BYTES + size for file, size in sizes.items())
        and set(encoded) == {index.kind == "encoded"}
    )


def describe(path: Path) -> PackFile:
    """Return the entry of a file that was written."""
    return PackFile(path.name, path.stat().st_size, sha256_of(path))


def check_file(folder: Path, file: PackFile, check: bool) -> None:
    """Raise LunetteError unless `file` is in `folder`, and is what was packed."""
    path, mend = folder / file.name, "restore the file, or pack again"
    try:
        size = path.stat().st_size
        if size != file.bytes:
            raise LunetteError(f"{path} has {size:,} bytes, and the pack says {file.bytes:,}: {mend}")
        if check and sha256_of(path) != file.sha256:
            raise LunetteError(f"{path} is damaged (its SHA-256 is not the one it was packed with): {mend}")
    except FileNotFoundError:
        raise LunetteError(f"{path} is missing from the pack: {mend}") from None
    except OSError as error:
        raise LunetteError(f"cannot read {path} ({error.strerror}): {mend}") from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, with constant memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
