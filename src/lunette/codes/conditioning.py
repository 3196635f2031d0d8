"""Parts of a model that tell each dimension of a code by those before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from torch import Tensor

# What it is a part of, D, and codes (R, D) → what is told of each dimension (R, D, P).
Conditioner = tuple[str, int, Callable[[Tensor], Tensor]]


@runtime_checkable
class Conditioning(Protocol):
    """An autoregressive module, which shows what it tells of each dimension, so that its order can be checked."""

    def conditioners(self) -> Iterator[Conditioner]:
        """Yield its networks."""
        ...
