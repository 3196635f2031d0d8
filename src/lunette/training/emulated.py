"""Products of bfloat16 on a processor that has none: the same numbers up to the order of sums, slowly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# Each with which of its arguments are added to the product, and so are not factors.
PRODUCTS: Mapping[str, tuple[int, ...]] = {
    "mm": (),
    "bmm": (),
    "addmm": (0,),
    "baddbmm": (0,),
    "convolution": (2,),
    "convolution_backward": (),
}


class Emulated(TorchDispatchMode):
    """Within this, the float32 factors of all products are rounded to bfloat16, forward and backward.

    A product of two bfloat16 numbers is exact in float32, where they are then summed, so that a processor with such
    products differs by the order of its sums alone. The products inside of `torch.cdist` are like the others.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name == "_cdist_forward" and by_products(*args):
            return euclidean(*args[:2])
        if name in PRODUCTS:
            added = PRODUCTS[name]
            args = tuple(rounded(a) if isinstance(a, Tensor) and i not in added else a for i, a in enumerate(args))
        return func(*args, **(kwargs or {}))


def rounded(factor: Tensor) -> Tensor:
    """Return a float32 factor with each number rounded to the nearest one of bfloat16, and any other as it is."""
    return factor.bfloat16().float() if factor.dtype == torch.float32 else factor


def by_products(x: Tensor, y: Tensor, p: float, mode: int | None) -> bool:
    """Return whether torch.cdist takes the distances of x (…, P, d) and y (…, R, d) from a matrix product."""
    many = x.shape[-2] > 25 or y.shape[-2] > 25
    return p == 2 and (mode == 1 or (mode in (0, None) and many))


def euclidean(x: Tensor, y: Tensor) -> Tensor:
    """Return |x_i − y_j| as torch.cdist does: one product, which sums the squares' differences, too."""
    left = torch.cat([-2 * x, x.square().sum(-1, keepdim=True), torch.ones_like(x[..., :1])], -1)
    right = torch.cat([y, torch.ones_like(y[..., :1]), y.square().sum(-1, keepdim=True)], -1)
    return (rounded(left) @ rounded(right).mT).clamp_min(0).sqrt()
