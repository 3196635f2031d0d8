"""Damaged arrays, IDX files, tar archives and packs, and small files that unpack to large ones.

What has sums of its own (.npz, .gz, PNG files in a .tar, packs) is read as it was or refused; other files whose pixels
were changed cannot be told, and are read or refused. Nothing takes more memory than half a gibibyte.
"""

from __future__ import annotations

import gzip
import io
import random
import shutil
import struct
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from campaign import RIGHT, WRONG
from campaign.damage import outcome, spoil
from lunette.images import load
from lunette.uses.data.pack import pack

N, SIDE = 20, 8
SUMMED = (".npz", ".gz", ".pack")
LARGE = 2**32


def pixels() -> NDArray[np.uint8]:
    """Return the pictures (N, H, W) that all archives hold."""
    return np.random.default_rng(0).integers(0, 256, (N, SIDE, SIDE), dtype=np.uint8)


def idx(values: NDArray[np.uint8]) -> bytes:
    """Return an array as an IDX file."""
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def npy(values: NDArray[np.uint8]) -> bytes:
    """Return an array as an .npy file."""
    data = io.BytesIO()
    np.save(data, values)
    return data.getvalue()


def npz(values: NDArray[np.uint8]) -> bytes:
    """Return an array, with labels, as an .npz file."""
    data = io.BytesIO()
    np.savez_compressed(data, images=values, labels=np.arange(len(values)) % 3)
    return data.getvalue()


def tar(values: NDArray[np.uint8]) -> bytes:
    """Return pictures with labels as a webdataset."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for i, image in enumerate(values):
            picture = io.BytesIO()
            Image.fromarray(image).save(picture, "PNG")
            for end, content in (("png", picture.getvalue()), ("cls", str(i % 3).encode())):
                member = tarfile.TarInfo(f"{i:03}.{end}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return data.getvalue()


def bombs() -> dict[str, bytes]:
    """Return small files that say, or are, gigabytes."""
    zeros = bytes(2**20)
    member = io.BytesIO()
    with zipfile.ZipFile(member, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("images.npy", "w") as file:
        file.write(npy(pixels())[:128].replace(b"(20, 8, 8)", b"(9999999,)"))
        for _ in range(1024):
            file.write(zeros)
    return {
        "bomb-idx3-ubyte.gz": gzip.compress(idx(pixels()) + 1024 * zeros),
        "large-idx3-ubyte": struct.pack(">HBB3I", 0, 8, 3, 2**16, 2**8, 2**8),
        "large-idx3-ubyte.gz": gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2**16, 2**8, 2**8)),
        "large.npy": npy(pixels()).replace(b"(20, 8, 8)", b"(99999, 999, 99)"),
        "bomb.npz": member.getvalue(),
        "sparse.tar": sparse_tar(),
    }


def sparse_tar() -> bytes:
    """Return an archive whose one picture is a hole of 4 GiB, in GNU's format for sparse files."""
    member = tarfile.TarInfo("0.png")
    member.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[386:398] = header[398:410] = b"00000000000\0"  # one part of no bytes
    header[483:495] = f"{LARGE - 1:011o}\0".encode()  # the size of the whole
    header[148:156] = b"        "
    header[148:156] = f"{sum(header[:512]):06o}\0 ".encode()
    return bytes(header) + bytes(20 * 512)


KINDS: dict[str, Callable[[NDArray[np.uint8]], bytes]] = {
    "images.npz": npz,
    "images.npy": npy,
    "images-idx3-ubyte": idx,
    "images-idx3-ubyte.gz": lambda values: gzip.compress(idx(values)),
    "images.tar": tar,
}


def campaign(trials: int, seed: int) -> Counter[str]:
    """Damage so many archives, and try each bomb once; return how often what happened."""
    chance, counts, files = random.Random(seed), Counter[str](), {name: make(pixels()) for name, make in KINDS.items()}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        whole = place / "whole.npy"
        whole.write_bytes(files["images.npy"])
        pack(whole, place / "whole.pack")
        parts = sorted(path.name for path in (place / "whole.pack").iterdir())
        for i in range(trials):
            kind = [*files, *parts][i % (len(files) + len(parts))]
            path = place / kind
            if kind in parts:
                path = place / "damaged.pack"
                shutil.copytree(place / "whole.pack", path)
                (path / kind).write_bytes(spoil((path / kind).read_bytes(), chance))
            else:
                path.write_bytes(spoil(files[kind], chance))
            counts[outcome(lambda path=path: read(path), f"{kind}, trial {i}")] += 1  # type: ignore[misc]
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for kind, data in bombs().items():
            (place / kind).write_bytes(data)
            counts[outcome(lambda path=place / kind: read(path), kind)] += 1  # type: ignore[misc]
            (place / kind).unlink()
    return counts


def read(path: Path) -> str:
    """Return what reading the damaged file, or pack, at `path` comes to."""
    source = path
    if path.suffix == ".tar":
        source = path.with_suffix(".packed")
        shutil.rmtree(source, ignore_errors=True)
        pack(path, source)
    data = load(source)
    found = np.concatenate([part.pixels[:].numpy() for part in (data.train, data.validation, data.test)])
    same = found.shape[1:] == (1, SIDE, SIDE) and {x.tobytes() for x in found} == {x.tobytes() for x in pixels()}
    return RIGHT if same or path.suffix not in SUMMED else WRONG
