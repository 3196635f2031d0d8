"""Which numbers are black and white: one rule for files and arrays, and for the whole of a source."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lunette.errors import LunetteError, LunetteWarning

Span = tuple[float, float]  # black and white
BYTES: Span = (0.0, 255.0)
ROUNDING = 1e-4  # that floats in [0, 1] may be beyond it
BITS = (8, 10, 12, 14, 16)  # of cameras and microscopes, whatever holds their numbers
SIGNED: tuple[Span, ...] = ((-0.5, 0.5), (-1, 1), (-128, 127), (-1024, 3071), (-32768, 32767))  # usual ranges
DARK = 64  # of 255: pictures that are never brighter may have another white


def span_of(kind: str, low: float, high: float, where: str) -> Span:
    """Return black and white of a source with numbers from `low` to `high`, of the NumPy `kind` b, u8, i or f.

    They are 0 and the smallest of 1, 255, 1023, 4095, 16383, 65535 that no number is above, but 255 for bytes, unless
    these are zeros and ones. A warning names what could be otherwise. Raises LunetteError for numbers below 0, above
    all of these, and that are not finite.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        raise LunetteError(f"{where} holds values from {low} to {high}: mend or remove those pictures")
    slack = ROUNDING if kind == "f" else 0
    whites = (1, *(2**bits - 1 for bits in BITS))
    if low < -slack or high > whites[-1]:
        usual = next((ends for ends in SIGNED if ends[0] <= low and high <= ends[1]), (low, high))
        raise LunetteError(
            f"{where} holds values from {low:.6g} to {high:.6g}, and black is 0: say what black and white are with "
            f"--range, such as --range={usual[0]:.6g},{usual[1]:.6g}"
        )
    white = next(white for white in whites if high <= white + slack)
    if kind == "b" or (kind == "f" and white == 1):
        return 0.0, 1.0
    if white > 1 and kind == "u8":
        white = 255
    is_plain = white == whites[-1] or (white == 255 and high > DARK)
    if high > 0 and not is_plain:
        other = 255 if white == 1 else high
        taken = f"black is taken to be 0, and white {white}; if white is {other:.6g}, say --range 0,{other:.6g}"
        warnings.warn(f"{where} holds values from {low:.6g} to {high:.6g}: {taken}", LunetteWarning, stacklevel=3)
    return 0.0, float(white)


def kind_of(values: NDArray[Any]) -> str:
    """Return the kind of an array's numbers, as `span_of` has it; "" where they are none."""
    if values.dtype == np.uint8:
        return "u8"
    return {"b": "b", "u": "i", "i": "i", "f": "f"}.get(values.dtype.kind, "")


def to_bytes(values: NDArray[Any], span: Span) -> NDArray[np.uint8]:
    """Return numbers as 0 for black to 255 for white, rounded; those beyond are black or white.

    Bytes stay as they are where the range is of other numbers: of which they cannot be, or of shares up to 1.
    """
    low, high = span
    of_others = low < 0 or high > BYTES[1] or (high <= 1 and values.size > 0 and values.max() > 1)
    if values.dtype == np.uint8 and (span == BYTES or of_others):
        return values
    whole: NDArray[Any] = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32)
    return ((whole - low) * (255 / (high - low))).round().clip(0, 255).astype(np.uint8)


def warn_of_black(pixels: Tensor, where: str) -> None:
    """Warn of images (N, C, H, W) of which nothing can be learned: all of their numbers are the same."""
    if len(pixels) and pixels.min() == pixels.max():
        words = f"all pixels in {where} are {pixels.min()} of 255"
        warnings.warn(f"{words}: is this what you mean to train on? See lunette data", LunetteWarning, stacklevel=3)
