"""Pictures at rest, and a source cut into its splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lunette.errors import LunetteError, unknown
from lunette.images.packs.packed import PackedPixels
from lunette.images.permutation import Permutation
from lunette.images.pictures import Shape
from lunette.images.ranges import BYTES, Span
from lunette.names import written

Label = str | int
LARGEST_VALIDATION = 5_000
LARGEST_TEST = 10_000
TEST_SHARE = 0.1


class Pixels(Protocol):
    """What a uint8 tensor (N, C, H, W) and the pixels of a pack have in common; cut it for a tensor in memory."""

    def __len__(self) -> int: ...

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""

    def __getitem__(self, index: Tensor | slice, /) -> Tensor: ...


@dataclass(frozen=True)
class Images:
    """N pictures, with what is known of each.

    Attributes:
        pixels: uint8 (N, C, H, W), also of NumPy, or those of a pack; to train a model at hand on, also float32 in
            [0, 1].
        labels: int64 (N,), the number of each picture's label, or None; also of NumPy.
        label_names: a name for each label; by default their numbers.
        factors: known factors of variation by name, float32 (N,) each.
        span: what black and white were in their source.

    Raises:
        LunetteError: there is not one label for each picture, or not a name for each label.
    """

    pixels: Pixels
    labels: Tensor | None = None
    label_names: tuple[str, ...] = ()
    factors: Mapping[str, Tensor] = field(default_factory=dict)
    span: Span = BYTES

    def __post_init__(self) -> None:
        for name in ("pixels", "labels"):
            if isinstance(values := getattr(self, name), np.ndarray | list):
                object.__setattr__(self, name, torch.as_tensor(values))
        if self.labels is None or not len(self.labels):
            return
        low, high = int(self.labels.min()), int(self.labels.max())
        if not self.label_names:
            object.__setattr__(self, "label_names", tuple(map(str, range(high + 1))))
        if low < 0 or high >= len(self.label_names) or len(self.labels) != len(self.pixels):
            raise LunetteError(
                f"{len(self.pixels)} pictures have {len(self.labels)} labels from {low} to {high}: each needs one, "
                f"from 0 to {len(self.label_names) - 1}, as many as there are names"
            )

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> Shape:
        """(C, H, W) of every picture."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    def take(self, index: Tensor | slice | Permutation) -> Images:
        """Return some of the pictures, with their labels and factors; those of a pack stay on the disk."""

        def cut(values: Pixels | Tensor) -> Tensor:
            return values[index[:] if isinstance(index, Permutation) else index]

        labels = None if self.labels is None else cut(self.labels)
        factors = {name: cut(values) for name, values in self.factors.items()}
        pixels = self.pixels.take(index) if isinstance(self.pixels, PackedPixels) else cut(self.pixels)
        return replace(self, pixels=pixels, labels=labels, factors=factors)


@dataclass(frozen=True)
class Parts:
    """The pictures of a source, as it parts them itself."""

    train: Images
    test: Images | None = None
    validation: Images | None = None


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return different names of labels in order: by their numbers where all are numbers, else as text."""
    different = set(names)
    return tuple(sorted(different, key=int if all(map(str.isdecimal, different)) else str))


def numbered(labels: Iterable[object], names: Sequence[str]) -> Tensor:
    """Return the place of each label in `names`, int64 (N,)."""
    position = {name: i for i, name in enumerate(names)}
    return torch.tensor([position[str(label)] for label in labels], dtype=torch.int64)


def labels_of(splits: Mapping[str, Sequence[str]]) -> dict[str, tuple[Tensor | None, tuple[str, ...]]]:
    """Return the labels of each split as places among their names, which are one for all; a split of "" has none."""
    names = in_order(label for labels in splits.values() if any(labels) for label in labels)
    return {split: (numbered(each, names), names) if any(each) else (None, ()) for split, each in splits.items()}


def index_of(label: Label, names: Sequence[str]) -> int:
    """Return the number of the label called `label`; raises LunetteError with the nearest name."""
    if (name := written(str(label))) not in names:
        raise unknown("label", name, names)
    return list(names).index(name)


@dataclass(frozen=True)
class Dataset:
    """A source's pictures in three splits, and the facts about them that a run records."""

    train: Images
    validation: Images
    test: Images
    facts: Mapping[str, object]

    @property
    def range(self) -> str | None:
        """Black and white of the source as --range says them, where bytes could not hold them."""
        low, high = self.train.span
        return f"{low:.9g},{high:.9g}" if high > BYTES[1] else None


def split(source: str, parts: Parts, validation_share: float) -> Dataset:
    """Cut a source into splits by a fixed permutation, which does not depend on any training's seed.

    Splits of its own are kept; else a tenth (at most 10,000) become test pictures, and of the rest `validation_share`
    (at most 5,000) are held out.
    """
    images = parts.train
    if len(images) < 3:
        raise LunetteError(f"{source} has {len(images)} pictures, and training, validation and test need one each")
    order = Permutation(len(images), seed=0)
    held_out = 0 if parts.test is not None else min(max(round(len(images) * TEST_SHARE), 1), LARGEST_TEST)
    validation = min(round((len(images) - held_out) * validation_share), LARGEST_VALIDATION)
    if validation_share > 0:
        validation = min(max(validation, 1), len(images) - held_out - 1)
    if parts.validation is not None:
        validation = 0
    cut = {
        "train": images.take(order.part(slice(held_out + validation, None))),
        "validation": images.take(order.part(slice(held_out, held_out + validation))),
        "test": images.take(order.part(slice(held_out))),
    } | {name: own for name in ("validation", "test") if (own := getattr(parts, name)) is not None}
    own = [name for name in ("validation", "test") if getattr(parts, name) is not None]
    drawn = {"validation": validation, "test": held_out}
    how = [f"{n} for {name} by a fixed permutation" for name, n in drawn.items() if n]
    how += [f"the source's own for {' and '.join(own)}"] if own else []
    facts = {
        "shape": list(images.shape),
        **{name: len(part) for name, part in cut.items()},
        "split": f"of {len(images)} pictures {', '.join(how)}",
        **({} if images.labels is None else {"labels": list(images.label_names)}),
        "sha256": images.pixels.sha256
        if isinstance(images.pixels, PackedPixels)
        else fingerprint(images, parts.test, parts.validation),
    }
    return Dataset(**cut, facts=facts)


def fingerprint(*sets: Images | None) -> str:
    """Return the SHA-256 of all pixels (in memory) and labels in order, so that a change of the data can be told."""
    digest = hashlib.sha256()
    for images in sets:
        for tensor in () if images is None else (images.pixels[:], images.labels):
            if tensor is not None:
                digest.update(str(tuple(tensor.shape)).encode())
                digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
