"""Pictures and labels that are arrays already."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lunette.errors import LunetteError
from lunette.images.ranges import Span, kind_of, span_of, to_bytes
from lunette.images.sets import Images
from lunette.images.settings import DataSettings
from lunette.images.sources.source import DEFAULT

CHANNELS = (1, 3, 4)  # grey, RGB, RGB with transparency
LEAST_SIDE = 8  # of a picture in colour, where three numbers may also be the sides of grey ones
ROWS = 4  # times as many pictures as numbers in each, or the other way: these are rows, no picture is that long


def from_arrays(
    pixels: NDArray[Any], labels: NDArray[Any] | None, where: str, settings: DataSettings = DEFAULT
) -> Images:
    """Return arrays (N, H, W), (N, C, H, W), (N, H, W, C) or of square pictures (N, H·W), rounded to 8 bits.

    Transparency is laid on white. Black and white are those of `settings`, or are found (see `span_of`); where these
    ask for 1 channel, (3, H, W) are grey ones. Raises LunetteError for anything else.
    """
    shaped = channels_first(pixels, where, settings.channels)
    span = settings.span or span_in([shaped], where)
    whole = np.require(on_white(to_bytes(shaped, span)), requirements=["C", "W"])
    images = Images(torch.from_numpy(whole), span=span)
    if (labels := one_each(labels, len(pixels), where)) is None:
        return images
    names, index = np.unique(labels, return_inverse=True)
    return replace(images, labels=torch.from_numpy(index.astype(np.int64)), label_names=tuple(map(str, names)))


def channels_first(pixels: NDArray[Any], where: str, channels: int | None = None) -> NDArray[Any]:
    """Return an array of pictures as (N, C, H, W); raises LunetteError where that may be read in two ways, or none."""
    shape = pixels.shape
    if pixels.size == 0:
        raise LunetteError(f"{where} has the shape {shape}, in which there is no picture")
    if pixels.ndim == 2:
        side = math.isqrt(shape[1])
        if side**2 == shape[1] and max(shape) >= ROWS * min(shape):
            return pixels.reshape(-1, 1, side, side)
        raise LunetteError(
            f"{where} has the shape {shape}: give one picture as x[None], and rows of pixels as x.reshape(-1, H, W)"
        )
    if pixels.ndim == 3:
        first, last = channels != 1 and shape[0] in CHANNELS[1:], shape[2] in CHANNELS[1:]
        if (first or last) and sorted(shape)[1] >= LEAST_SIDE:
            raise LunetteError(
                f"{where} has the shape {shape}: give one picture of {shape[0] if first else shape[2]} channels as "
                f"x[None], and {shape[0]} grey ones of {shape[2]}×{shape[1]} as x[:, None]"
            )
        return pixels[:, None]
    first, last = (pixels.ndim == 4 and shape[axis] in CHANNELS for axis in (1, 3))
    if first and last and shape[1] != 1:
        raise LunetteError(
            f"{where} has the shape {shape}, and both {shape[1]} and {shape[3]} may be its channels: "
            "give it with two sides that are no 1, 3 or 4"
        )
    if not (first or last):
        raise LunetteError(
            f"{where} has the shape {shape}; pictures are (N, H, W), (N, C, H, W) or (N, H, W, C), "
            "with 1 or 3 channels, or 4 with transparency"
        )
    return pixels if first else pixels.transpose(0, 3, 1, 2)


def on_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return bytes (N, C, H, W), whose fourth channel is how much of each pixel is seen, laid on white."""
    if pixels.shape[1] != CHANNELS[-1]:
        return pixels
    seen = pixels[:, 3:] / np.float32(255)
    return (pixels[:, :3] * seen + 255 * (1 - seen)).round().astype(np.uint8)


def one_each(labels: NDArray[Any] | None, n: int, where: object) -> NDArray[Any] | None:
    """Return labels (N,) of n pictures, given so, as (N, 1) or as one-hot (N, K).

    Whole numbers become integers, and bytes text. Raises LunetteError where there is not one for each picture.
    """
    if labels is None:
        return None
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.dtype.kind in "biuf" and ((labels == labels.max()).sum(1) == 1).all():
        labels = labels.argmax(1) if set(np.unique(labels)) == {0, 1} else labels
    if labels.shape != (n,):
        raise LunetteError(f"{where} has {n} pictures and labels of shape {labels.shape}: give one a picture")
    if labels.dtype.kind == "f":
        if not (labels == labels.round()).all():
            raise LunetteError(
                f"{where} has labels that are no whole numbers, such as {labels[labels != labels.round()][0]}"
            )
        return labels.astype(np.int64)
    return np.char.decode(labels, "utf-8", "replace") if labels.dtype.kind == "S" else labels


def span_in(arrays: Sequence[NDArray[Any]], where: str) -> Span:
    """Return black and white of arrays of one source; raises LunetteError for what are no numbers."""
    kinds = {kind_of(pixels) for pixels in arrays}
    if "" in kinds:
        raise LunetteError(f"{where} holds {arrays[0].dtype}, and pixels are numbers")
    if bad := sum(int(np.isnan(pixels.reshape(len(pixels), -1)).any(1).sum()) for pixels in arrays if pixels.size):
        raise LunetteError(f"{where} holds NaN in {bad} pictures: mend or remove them")
    low = min((pixels.min() for pixels in arrays if pixels.size), default=0)
    high = max((pixels.max() for pixels in arrays if pixels.size), default=0)
    return span_of("f" if "f" in kinds else "i" if len(kinds) > 1 else kinds.pop(), float(low), float(high), where)
