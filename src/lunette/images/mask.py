"""Which pixels of pictures are missing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images.sources.picture import open_file

Mask = str | Path | NDArray[np.bool_] | Tensor
WHITE = 128  # from here to 255


def read_mask(mask: Mask, sides: tuple[int, int]) -> Tensor:
    """Return where pixels are missing, bool (H, W), for pictures of these sides (H, W).

    A mask is a box "x,y,width,height" in pixels from the upper left corner, a picture file that is white there, or an
    array of booleans. Raises LunetteError for one of other sides, and for one that leaves nothing to do or to see.
    """
    if isinstance(mask, str) and re.fullmatch(r"\s*-?\d+\s*(,\s*-?\d+\s*){3}", mask):
        missing = box(mask, sides)
    elif isinstance(mask, str) and re.fullmatch(r"[-\d\s.,]+", mask) and not Path(mask).exists():
        raise LunetteError(
            f"a box to fill in is four whole numbers, x,y,width,height, such as 0,14,28,14, not {mask!r}"
        )
    elif isinstance(mask, str | Path):
        missing = torch.from_numpy(np.array(open_file(Path(mask).expanduser()).convert("L")) >= WHITE)
    else:
        missing = torch.as_tensor(mask).cpu()
    if missing.dtype != torch.bool or missing.shape != sides:
        size = "×".join(map(str, missing.shape))
        raise LunetteError(
            f"the mask is {size} ({missing.dtype}), and pictures are brought to the model's {sides[0]}×{sides[1]} "
            "(height × width): draw it, or give an array of booleans, of that size"
        )
    if not missing.any() or missing.all():
        what = "every pixel is missing, so nothing is left to go by" if missing.any() else "no pixel is missing"
        raise LunetteError(f"by the mask {what}: white, or True, is what is to be filled in, and the rest is kept")
    return missing


def box(text: str, sides: tuple[int, int]) -> Tensor:
    """Return the mask that is True in the box x,y,width,height; raises LunetteError where it leaves the picture."""
    x, y, width, height = map(int, text.split(","))
    if not (0 <= x < x + width <= sides[1] and 0 <= y < y + height <= sides[0]):
        raise LunetteError(
            f"the box {text} (x, y, width, height) does not lie in a picture of the model's {sides[0]}×{sides[1]} "
            "pixels (height × width)"
        )
    missing = torch.zeros(sides, dtype=torch.bool)
    missing[y : y + height, x : x + width] = True
    return missing
