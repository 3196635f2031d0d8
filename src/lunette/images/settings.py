"""How a source becomes pictures of one size: every field is a flag of the command line."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from lunette.errors import LunetteError
from lunette.signatures import Flag

Fit = Literal["crop", "pad", "stretch"]
Frames = Literal["first", "all"]


@dataclass(frozen=True)
class DataSettings:
    """Raises LunetteError for a value that cannot be used."""

    group: ClassVar[str] = "data"  # of its flags, in the help

    size: Annotated[
        int | str | None, Flag("bring all pictures to this size: 64, or 48x64 (height x width)", common=True)
    ] = None
    fit: Annotated[Fit, "where sides do not agree: crop the middle, pad with black, or stretch"] = "crop"
    channels: Annotated[Literal[1, 3] | None, "1 for grey, 3 for RGB; by default as the pictures are"] = None
    range: Annotated[str | None, "numbers of black and white: 0,4095; by default 0 and what all are below"] = None
    frames: Annotated[Frames, "of stacks and animations: the first, or each as a picture of its own"] = "first"
    validation: Annotated[float, "share of training pictures held out, at most 5,000; 0: none"] = 0.1

    def __post_init__(self) -> None:
        if isinstance(self.range, tuple | list):
            object.__setattr__(self, "range", ",".join(map(str, self.range)))
        if self.size is not None and not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)?", str(self.size)):
            raise LunetteError(f"cannot read the size {self.size!r}: write it like 64, or like 48x64 (height x width)")
        try:
            low, high = self.span or (0, 1)
        except ValueError:
            low = high = math.nan
        if not (low < high and math.isfinite(high - low)):
            raise LunetteError(f"cannot read the range {self.range!r}: write it like 0,4095 (black, white)")
        if not 0 <= self.validation < 1:
            raise LunetteError(f"validation is a share from 0 up to, not including, 1, not {self.validation}")
        if self.channels not in (None, 1, 3):
            raise LunetteError(f"pictures have 1 channel (grey) or 3 (RGB), not {self.channels}")
        if self.fit not in ("crop", "pad", "stretch"):
            raise LunetteError(f"fit is crop, pad or stretch, not {self.fit!r}")
        if self.frames not in ("first", "all"):
            raise LunetteError(f"frames is first or all, not {self.frames!r}")

    @property
    def span(self) -> tuple[float, float] | None:
        """Black and white of `range`, or None to find them."""
        if self.range is None:
            return None
        low, _, high = self.range.partition(",")
        return float(low), float(high)

    @property
    def sides(self) -> tuple[int, int] | None:
        """(H, W) of `size`, or None to keep pictures as large as they are."""
        if self.size is None:
            return None
        height, _, width = str(self.size).partition("x")
        return int(height), int(width or height)
