"""One seed for everything: each place that draws random numbers gets a stream of its own.

A stream's numbers are a pure function of (seed, names), never of what was drawn before. So a resumed run
needs no saved generator states, and a picture drawn between two steps does not change the second one.
"""

from __future__ import annotations

import hashlib

import torch


def stream(seed: int, *names: str | int) -> int:
    """Return the 63-bit seed of the stream called `names`, as SHA-256(seed, names)."""
    digest = hashlib.sha256(repr((seed, *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def reseed(seed: int, *names: str | int) -> None:
    """Put torch's global generators at the start of the stream called `names`."""
    torch.manual_seed(stream(seed, *names))


def generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator at the start of the stream called `names`."""
    return torch.Generator().manual_seed(stream(seed, *names))
