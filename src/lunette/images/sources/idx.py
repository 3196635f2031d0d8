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
LONGEST_HEADER = 4 + 4 * 255


def read_bytes(path: Path) -> bytes:
    """Return an IDX file's content, uncompressed; raises LunetteError for a damaged .gz.

    Of a .gz no more is unpacked than its header asks for, and a byte, which may be all that a memory holds.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            head = file.read(LONGEST_HEADER)
            start, shape = header(head, path)
            return head + file.read(max(start + math.prod(shape) + 1 - len(head), 0))
    except (MemoryError, OverflowError):
        sides = " × ".join(map(str, shape))
        raise LunetteError(f"{path} says that it holds {sides} bytes, too many for memory: it is damaged") from None
    except (OSError, EOFError, zlib.error) as error:
        raise LunetteError(f"cannot read {path}: {error}") from error


def header(data: bytes, where: str | Path) -> tuple[int, tuple[int, ...]]:
    """Return where an IDX file's numbers start, and their shape: two zeros, the type, dimensions, 4 bytes for each."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTES:
        raise LunetteError(f"{where} is no IDX file of unsigned bytes: it starts with {data[:4].hex(' ') or 'nothing'}")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise LunetteError(f"{where} ends within its header: it is truncated")
    return start, struct.unpack(f">{data[3]}I", data[4:start])


def parse(data: bytes, where: str | Path) -> NDArray[np.uint8]:
    """Return the array in the content of an IDX file."""
    start, shape = header(data, where)
    if len(data) - start != math.prod(shape):
        raise LunetteError(f"{where} should hold {' × '.join(map(str, shape))} bytes and holds {len(data) - start}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()
