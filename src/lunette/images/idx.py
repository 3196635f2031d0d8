"""The IDX format of MNIST: a big-endian header and bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lunette.errors import LunetteError

UNSIGNED_BYTES = 0x08


def read_bytes(path: Path) -> bytes:
    """Return a file's content, uncompressed; raises LunetteError for a damaged .gz."""
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise LunetteError(f"cannot read {path}: {error}") from error


def parse(data: bytes, where: str | Path) -> NDArray[np.uint8]:
    """Return the array in IDX `data`: zeros (2 bytes), type 8, number of dimensions, 4 bytes for each."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTES:
        raise LunetteError(f"{where} is no IDX file of unsigned bytes: it starts with {data[:4].hex(' ') or 'nothing'}")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise LunetteError(f"{where} ends within its header: it is truncated")
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    if len(data) - start != math.prod(shape):
        raise LunetteError(f"{where} should hold {' × '.join(map(str, shape))} bytes and holds {len(data) - start}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()
