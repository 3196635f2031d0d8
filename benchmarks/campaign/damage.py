"""Damage to the bytes of a file, and what reading it afterwards comes to."""

from __future__ import annotations

import random
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from types import FrameType

from campaign import LONG, RAW, TOLD
from lunette.errors import LunetteError, LunetteWarning

SECONDS, KIBIBYTES = 20, 2**19  # that reading a small damaged file may take, of time and of memory
EXTREMES = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\xff\xff\xff\x7f")


def spoil(data: bytes, chance: random.Random) -> bytes:
    """Return `data` damaged in one of the ways in which files are."""
    if not data:
        return b"\0"
    start = chance.randrange(len(data))
    if chance.random() < 0.3:  # headers are short, and most that can go wrong is in them
        start = min(start, chance.randrange(64))
    stop = min(len(data), start + chance.choice((1, 4, 16, 512)))
    block = data[start:stop]
    instead = chance.choice(
        (
            bytes([block[0] ^ 1 << chance.randrange(8)]) + block[1:],
            chance.randbytes(len(block)),
            bytes(len(block)),
            chance.choice(EXTREMES)[: len(block)],
            b"",
            block + block,
        )
    )
    return chance.choice(
        (
            data[:start] + instead + data[stop:],
            data[:start] + instead + data[stop:],
            data[:start] + instead + data[stop:],
            data[:start],
            data + chance.randbytes(64),
            b"",
        )
    )


class TooLong(BaseException):
    """A read that does not end."""


def outcome(read: Callable[[], str], details: object) -> str:
    """Return what `read` returns, or what became of it where it raises, warns in words not ours, or takes too much."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, stop)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("always", LunetteWarning)
            found = read()
    except LunetteError:
        found = TOLD
    except TooLong:
        found = LONG
    except BaseException:
        print(f"{details}: {traceback.format_exc()}", file=sys.stderr, flush=True)
        found = RAW
    finally:
        signal.alarm(0)
    return LONG if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before > KIBIBYTES else found
