"""Pictures that are arrays already, in memory or in .npy and .npz files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images.ranges import Span, kind_of, span_of, to_bytes
from lunette.images.sets import Images

PIXEL_KEYS = ("images", "x", "x_train", "arr_0")
LABEL_KEYS = ("labels", "y", "y_train")
TEST_KEYS = ("x_test", "y_test")
FACTOR_KEY = "factor_"  # and the name of a factor


def read_array_file(path: Path, span: Span | None = None) -> tuple[Images, Images | None]:
    """Return the pictures in an .npy or .npz file, and its own test pictures where it has some.

    An .npz has them under images, x, x_train or arr_0, labels under labels, y or y_train (with the labels'
    names under label_names), known factors of variation under factor_NAME, test pictures and their labels under x_test
    and y_test.
    """
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return from_arrays(content, None, str(path), span), None
        with content:
            key = next((k for k in PIXEL_KEYS if k in content), None)
            if key is None:
                raise LunetteError(f"{path} holds {', '.join(content)}; its pictures must be called {PIXEL_KEYS[0]!r}")
            labels = next((content[k] for k in LABEL_KEYS if k in content), None)
            pixels, (test_pixels, test_labels) = content[key], map(content.get, TEST_KEYS)
            span = span or span_in([pixels] if test_pixels is None else [pixels, test_pixels], str(path))
            images = from_arrays(pixels, labels, str(path), span)
            images = replace(images, factors=factors_in(content, len(images), path))
            test = None if test_pixels is None else from_arrays(test_pixels, test_labels, str(path), span)
            names = content.get("label_names")
            if labels is not None and (names is not None or test_labels is not None):
                # A label has the same number in both, also where one of them lacks some.
                every = np.unique(labels if test_labels is None else np.concatenate([labels, test_labels]))
                images = numbered(images, labels, every, names)
                test = test and (test if test_labels is None else numbered(test, test_labels, every, names))
            return images, test
    # NumPy reads a header as Python, and lets whatever that raises pass: SyntaxError, tokenize.TokenError and others.
    except Exception as error:
        if isinstance(error, LunetteError):
            raise
        raise LunetteError(f"cannot read {path} as arrays: {error}") from error


def numbered(images: Images, labels: NDArray[Any], every: NDArray[Any], names: NDArray[Any] | None) -> Images:
    """Return images with their labels, which are numbers of `names`, or else some of `every` one there is."""
    index = np.searchsorted(every, labels) if names is None else labels
    called = tuple(map(str, every if names is None else names))
    return replace(images, labels=torch.from_numpy(index.astype(np.int64)), label_names=called)


def to_archive(images: Images) -> bytes:
    """Return pictures, labels and factors as an .npz that `read_array_file` gives back as they are."""
    data = io.BytesIO()
    labels = {} if images.labels is None else {"labels": images.labels.numpy(), "label_names": images.label_names}
    factors = {FACTOR_KEY + name: values.numpy() for name, values in images.factors.items()}
    np.savez_compressed(data, images=images.pixels[:].numpy(), **labels, **factors)  # type: ignore[arg-type]
    return data.getvalue()


def factors_in(content: Mapping[str, NDArray[Any]], pictures: int, path: Path) -> dict[str, Tensor]:
    """Return the known factors of so many pictures; raises LunetteError where one has not a number for each."""
    found = {key.removeprefix(FACTOR_KEY): content[key] for key in content if key.startswith(FACTOR_KEY)}
    for name, values in found.items():
        if values.shape != (pictures,):
            raise LunetteError(
                f"{path} has {pictures} pictures, and {FACTOR_KEY}{name} of {values.shape}, not a number each"
            )
    return {name: torch.from_numpy(values.astype(np.float32)) for name, values in found.items()}


def from_arrays(pixels: NDArray[Any], labels: NDArray[Any] | None, where: str, span: Span | None = None) -> Images:
    """Return arrays (N, H, W), (N, C, H, W) or (N, H, W, C) as pictures, rounded to 8 bits.

    `span` is black and white; without it they are found (see `span_of`). Raises LunetteError for anything else.
    """
    pixels = channels_first(pixels, where)
    pixels = np.require(to_bytes(pixels, span or span_in([pixels], where)), requirements=["C", "W"])
    if labels is None:
        return Images(torch.from_numpy(pixels))
    names, index = np.unique(labels, return_inverse=True)
    if index.shape != (len(pixels),):
        raise LunetteError(f"{where} has {len(pixels)} pictures and labels of shape {labels.shape}: give one a picture")
    return Images(torch.from_numpy(pixels), torch.from_numpy(index.astype(np.int64)), tuple(map(str, names)))


def channels_first(pixels: NDArray[Any], where: str) -> NDArray[Any]:
    """Return an array of pictures as (N, C, H, W)."""
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    elif pixels.ndim == 4 and pixels.shape[1] not in (1, 3) and pixels.shape[3] in (1, 3):
        pixels = pixels.transpose(0, 3, 1, 2)
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or pixels.size == 0:
        raise LunetteError(
            f"{where} has the shape {pixels.shape}; pictures are (N, H, W), (N, C, H, W) or (N, H, W, C), "
            "with 1 or 3 channels"
        )
    return pixels


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
