"""One seed for everything: each place that draws random numbers gets a stream of its own.

A stream's numbers are a pure function of (seed, names), never of what was drawn before. So a resumed run
needs no saved generator states, and a picture drawn between two steps does not change the second one.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor


def stream(seed: int, *names: str | int) -> int:
    """Return the 63-bit seed of the stream called `names`, as SHA-256(seed, names)."""
    digest = hashlib.sha256(repr((int(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def reseed(seed: int, *names: str | int) -> None:
    """Put torch's global generators at the start of the stream called `names`."""
    number = stream(seed, *names)
    # torch.manual_seed looks for every kind of accelerator at each call, which takes longer than a step's draws.
    torch.default_generator.manual_seed(number)
    if has_accelerator():
        torch.get_device_module().manual_seed(number)


@contextlib.contextmanager
def callers_draws_kept() -> Iterator[None]:
    """Leave torch's global generators as they are found, whatever draws from them within this."""
    state = torch.default_generator.get_state()
    device = torch.get_device_module() if has_accelerator() else None
    on_device = device.get_rng_state() if device else None
    try:
        yield
    finally:
        torch.default_generator.set_state(state)
        if device:
            device.set_rng_state(on_device)


@functools.cache
def has_accelerator() -> bool:
    """Return whether this machine has a device with a generator of its own."""
    return torch.accelerator.is_available()


def generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator at the start of the stream called `names`."""
    return torch.Generator().manual_seed(stream(seed, *names))


_part: tuple[int, int] | None = None


@contextlib.contextmanager
def part_of_batch(start: int, whole: int) -> Iterator[None]:
    """Within this, images are those from `start` of a batch of `whole`, and `noise` is their part of its noise.

    So an image meets the same noise whether its batch is passed at once, in parts, or by several processes.
    """
    global _part
    before, _part = _part, (start, whole)
    try:
        yield
    finally:
        _part = before


def noise(make: Callable[..., Tensor], shape: Sequence[int], like: Tensor, batch_dim: int = 0) -> Tensor:
    """Return make(shape), such as torch.randn, on the device of `like`; dimension `batch_dim` counts images."""
    if _part is None:
        return make(shape, dtype=like.dtype, device=like.device)
    start, whole = _part
    larger = list(shape)
    larger[batch_dim] = whole
    return make(larger, dtype=like.dtype, device=like.device).narrow(batch_dim, start, shape[batch_dim])
