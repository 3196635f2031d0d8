"""Products of bfloat16 on a processor that has none: the same numbers up to the order of sums, slowly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

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
    products differs by the order of its sums alone. The products inside of `torch.cdist` are like the others. With
    `autocast` the sums are rounded, too, forward and backward, as they are where tensors between layers are bfloat16.
    """

    def __init__(self, autocast: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.autocast = autocast

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name == "_euclidean_dist":  # what torch.cdist does with many vectors
            return euclidean(*args)
        if name in PRODUCTS:
            added = PRODUCTS[name]
            args = tuple(rounded(a) if i not in added else a for i, a in enumerate(args))
        out = func(*args, **(kwargs or {}))
        return tree_map(rounded, out) if self.autocast and name in PRODUCTS else out


def rounded(value: Any) -> Any:
    """Return a float32 tensor with each number rounded to the nearest one of bfloat16, and anything else as it is."""
    return value.bfloat16().float() if isinstance(value, Tensor) and value.dtype == torch.float32 else value


def euclidean(x: Tensor, y: Tensor) -> Tensor:
    """Return |x_i − y_j| of vectors (…, P, d) and (…, R, d) as torch.cdist does: by one product, squares and all."""
    left = torch.cat([-2 * x, x.square().sum(-1, keepdim=True), torch.ones_like(x[..., :1])], -1)
    right = torch.cat([y, torch.ones_like(y[..., :1]), y.square().sum(-1, keepdim=True)], -1)
    return (rounded(left) @ rounded(right).mT).clamp_min(0).sqrt()
