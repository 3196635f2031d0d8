"""Some of a set's pictures, always the same ones."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from lunette.errors import LunetteError, LunetteWarning
from lunette.images.permutation import Permutation
from lunette.images.sets import Images, Label, index_of

FEW = 100  # pictures: the error of their mean is a tenth of what one differs from another


def some(images: Images, most: int) -> Images:
    """Return so many images at most, in a random order that is always the same: a set's first ones may be easier."""
    return images.take(Permutation(len(images), seed=0).part(slice(most)))


def at_most(images: Images, most: int | None, what: str) -> tuple[Images, Tensor]:
    """Return `most` of the images at random, or all where these are not more, and their numbers (N,) among all.

    It is always the same ones, in their order. Of more than `most` a warning says how many are taken, of `what`.
    """
    n = len(images)
    if most is None or n <= most:
        return images, torch.arange(n)
    words = f"{most:,} of the {n:,} {what} are taken: --all-pictures takes all"
    warnings.warn(words, LunetteWarning, stacklevel=3)
    index = Permutation(n, seed=0)[:most].sort().values
    return images.take(index), index


def of_label(images: Images, label: Label, instead: str) -> Images:
    """Return the pictures of one label.

    Raises LunetteError for a name that they do not know, and where there is none; `instead` is what the user can say.
    """
    if images.labels is None:
        raise LunetteError(f"the pictures have no labels, so none is {label!r}: {instead}")
    index = (images.labels == index_of(label, images.label_names)).nonzero()[:, 0]
    if not len(index):
        raise LunetteError(f"no picture here has the label {label!r}: {instead}")
    return images.take(index)


def warn_of_few(n: int, pictures: str, so: str) -> None:
    """Warn where a mean over n `pictures` has an error so large that what follows of it is hardly more than chance."""
    if n < FEW:
        warnings.warn(f"{n} {pictures} are few: {so}", LunetteWarning, stacklevel=3)
