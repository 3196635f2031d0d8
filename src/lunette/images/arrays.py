"""Pictures that are arrays already, in memory or in .npy and .npz files."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images.sets import Images

PIXEL_KEYS = ("images", "x", "x_train", "arr_0")
LABEL_KEYS = ("labels", "y", "y_train")
TEST_KEYS = ("x_test", "y_test")
FACTOR_KEY = "factor_"  # and the name of a factor


def read_array_file(path: Path) -> tuple[Images, Images | None]:
    """Return the pictures in an .npy or .npz file, and its own test pictures where it has some.

    An .npz has them under images, x, x_train or arr_0, labels under labels, y or y_train (with the labels'
    names under label_names), known factors of variation under factor_NAME, test pictures and their labels under x_test
    and y_test.
    """
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return from_arrays(content, None, str(path)), None
        with content:
            key = next((k for k in PIXEL_KEYS if k in content), None)
            if key is None:
                raise LunetteError(f"{path} holds {', '.join(content)}; its pictures must be called {PIXEL_KEYS[0]!r}")
            labels = next((content[k] for k in LABEL_KEYS if k in content), None)
            images = from_arrays(content[key], labels, str(path))
            images = replace(images, factors=factors_in(content, len(images), path))
            pixels, test_labels = map(content.get, TEST_KEYS)
            test = None if pixels is None else from_arrays(pixels, test_labels, str(path))
            names = content.get("label_names")
            if labels is not None and (names is not None or test_labels is not None):
                # A label has the same number in both, also where one of them lacks some.
                every = np.unique(labels if test_labels is None else np.concatenate([labels, test_labels]))
                images = numbered(images, labels, every, names)
                test = test and (test if test_labels is None else numbered(test, test_labels, every, names))
            return images, test
    except (ValueError, OSError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
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


def from_arrays(pixels: NDArray[Any], labels: NDArray[Any] | None, where: str) -> Images:
    """Return arrays (N, H, W), (N, C, H, W) or (N, H, W, C) as pictures.

    Values are 0 to 255, or floats in [0, 1], which are rounded to 8 bits. Raises LunetteError for anything
    else.
    """
    pixels = to_bytes(channels_first(pixels, where), where)
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


def to_bytes(pixels: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """Return pixel values as 0 to 255; floats in [0, 1] and booleans are scaled."""
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype == np.uint8:
        return np.require(pixels, requirements=["C", "W"])  # torch warns of arrays that are read-only
    if pixels.dtype.kind not in "iuf":
        raise LunetteError(f"{where} holds {pixels.dtype}, and pixels are numbers")
    if np.isnan(pixels).any():
        raise LunetteError(
            f"{where} holds NaN in {np.isnan(pixels).any((1, 2, 3)).sum()} pictures: mend or remove them"
        )
    low, high = pixels.min(), pixels.max()
    whole = pixels.dtype.kind != "f"
    if low < 0 or high > (255 if whole else 1):
        span = "0..255" if whole else "[0, 1]"
        mend = "" if whole or low < 0 else "; divide by 255 if they go that far, or use uint8"
        raise LunetteError(f"{where} holds values from {low:.6g} to {high:.6g}; they must be in {span}{mend}")
    return (pixels if whole else (pixels * 255).round()).astype(np.uint8)
