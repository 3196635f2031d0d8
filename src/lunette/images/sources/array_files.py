"""Pictures in .npy and .npz files, under the names that data travels with."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.errors import LunetteError, LunetteWarning
from lunette.images.sets import Images, Parts, in_order, numbered
from lunette.images.settings import DataSettings
from lunette.images.sources.arrays import from_arrays, one_each, span_in
from lunette.images.sources.source import DEFAULT, Source, path_of, source

# What pictures and labels of each split are called, in small letters.
NAMES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "train": (
        ("images", "x", "x_train", "train_x", "train_images", "data", "imgs", "pixels", "arr_0"),
        ("labels", "y", "y_train", "train_y", "train_labels", "target", "targets", "label", "arr_1"),
    ),
    "validation": (("x_val", "x_valid", "val_x", "val_images"), ("y_val", "y_valid", "val_y", "val_labels")),
    "test": (("x_test", "test_x", "test_images"), ("y_test", "test_y", "test_labels")),
}
# Words in the names of .npy files, and what stands there in the names of those with labels.
BESIDE = (("images", "labels"), ("imgs", "labels"), ("x", "y"), ("data", "labels"), ("data", "targets"))
LABEL_NAMES, FACTOR_KEY = "label_names", "factor_"  # the latter before the name of a factor
PICKLED = """{path} holds Python objects, which are not read, because they may run code. Where you trust the file:

x = numpy.load({path!r}, allow_pickle=True)
numpy.save("images.npy", numpy.stack([numpy.asarray(image) for image in x]))
"""


def read_array_file(path: Path, settings: DataSettings = DEFAULT) -> Parts:
    """Return the pictures in an .npy or .npz file, in its own splits where it has some.

    An .npz has them, and their labels, under one of `NAMES`, the labels' names under label_names, and known factors of
    variation under factor_NAME. Labels of an .npy lie beside it: x_train.npy and y_train.npy, images and labels.
    """
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return Parts(from_arrays(content, labels_beside(path, len(content)), str(path), settings))
        with content:
            return parts_in(content, path, settings)
    except LunetteError:
        raise
    # NumPy reads a header as Python, and lets whatever that raises pass: SyntaxError, tokenize.TokenError and others.
    except Exception as error:
        if "Object arrays" in str(error):
            raise LunetteError(PICKLED.format(path=str(path))) from error
        raise LunetteError(f"cannot read {path} as arrays: {error}") from error


def labels_beside(path: Path, n: int) -> NDArray[Any] | None:
    """Return the labels of the n pictures in an .npy from the file beside it that is called so, or None.

    A warning says where that holds no labels of these pictures.
    """
    stem = path.stem.lower()
    names = {re.sub(rf"(?<![a-z]){word}(?![a-z])", labels, stem) for word, labels in BESIDE} - {stem}
    for file in sorted(path.parent.iterdir()):
        if file.suffix == path.suffix and file.stem.lower() in names:
            try:
                return one_each(np.load(file, allow_pickle=False), n, file)
            except Exception as error:  # as above, of whatever a damaged header may raise
                warnings.warn(f"no labels are read from {file}: {error}", LunetteWarning, stacklevel=2)
    return None


def parts_in(content: Mapping[str, NDArray[Any]], path: Path, settings: DataSettings) -> Parts:
    """Return the splits that arrays hold by their names; black and white, and a label's number, are one for all."""
    found = {split: [one_of(content, names, path) for names in both] for split, both in NAMES.items()}
    pixels = {split: values for split, (values, _) in found.items() if values is not None}
    if "train" not in pixels:
        raise LunetteError(f"{path} holds {', '.join(content)}; its pictures must be called {NAMES['train'][0][0]!r}")
    low, high = settings.span or span_in(list(pixels.values()), str(path))
    settings = replace(settings, range=f"{low!r},{high!r}")
    labels = {split: one_each(found[split][1], len(pixels[split]), path) for split in pixels}
    names = in_order(str(label) for values in labels.values() if values is not None for label in np.unique(values))
    called = tuple(map(str, content[LABEL_NAMES])) if LABEL_NAMES in content else names
    parts = {}
    for split, values in pixels.items():
        images, mine = from_arrays(values, None, str(path), settings), labels[split]
        if mine is not None:
            index = torch.from_numpy(mine.astype(np.int64)) if LABEL_NAMES in content else numbered(mine, names)
            images = replace(images, labels=index, label_names=called)
        parts[split] = images
    parts["train"] = replace(parts["train"], factors=factors_in(content, len(parts["train"]), path))
    return Parts(**parts)


def one_of(content: Mapping[str, NDArray[Any]], names: tuple[str, ...], path: Path) -> NDArray[Any] | None:
    """Return the array that has one of the names, or None; raises LunetteError where several have."""
    found = [key for key in content if key.lower() in names]
    if len(found) > 1:
        raise LunetteError(f"{path} holds {' and '.join(found)}, and either may be meant: leave one out")
    return content[found[0]] if found else None


def factors_in(content: Mapping[str, NDArray[Any]], pictures: int, path: Path) -> dict[str, Tensor]:
    """Return the known factors of so many pictures; raises LunetteError where one has not a number for each."""
    found = {key.removeprefix(FACTOR_KEY): content[key] for key in content if key.startswith(FACTOR_KEY)}
    for name, values in found.items():
        if values.shape != (pictures,):
            raise LunetteError(
                f"{path} has {pictures} pictures, and {FACTOR_KEY}{name} of {values.shape}, not a number each"
            )
    return {name: torch.from_numpy(values.astype(np.float32)) for name, values in found.items()}


def to_archive(images: Images) -> bytes:
    """Return pictures, labels and factors as an .npz that `read_array_file` gives back as they are."""
    data = io.BytesIO()
    labels = {} if images.labels is None else {"labels": images.labels.numpy(), "label_names": images.label_names}
    factors = {FACTOR_KEY + name: values.numpy() for name, values in images.factors.items()}
    np.savez_compressed(data, images=images.pixels[:].numpy(), **labels, **factors)  # type: ignore[arg-type]
    return data.getvalue()


class ArrayFile(Source):
    """A file of arrays, with a `suffix`."""

    suffix: ClassVar[str]

    def matches(self, text: str) -> bool:  # noqa: D102
        path = path_of(text)
        return path.suffix == self.suffix and path.is_file()

    def read(self, text: str, settings: DataSettings, check: bool) -> Parts:  # noqa: ARG002, D102
        return read_array_file(path_of(text), settings)


@source
class Npz(ArrayFile):
    """Arrays by name."""

    suffix = help = ".npz"


@source
class Npy(ArrayFile):
    """One array."""

    suffix = help = ".npy"
