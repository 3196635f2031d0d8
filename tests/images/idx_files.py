"""IDX files written by hand."""

import gzip
import struct

import numpy as np


def idx(array, kind=8):
    """Return the bytes of an IDX file."""
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write_set(folder, train_labels, test_labels, pack=False, stem="{}-{}-idx{}-ubyte"):
    """Write the four files of a set of 4×5 pictures; return the training pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    stream = np.random.default_rng(0)
    for part, labels in (("train", train_labels), ("t10k", test_labels)):
        labels = np.array(labels)
        pixels = stream.integers(0, 256, (len(labels), 4, 5), dtype=np.uint8)
        if part == "train":
            train = pixels
        for name, array in (
            (stem.format(part, "images", 3), pixels),
            (stem.format(part, "labels", 1), labels),
        ):
            data = gzip.compress(idx(array)) if pack else idx(array)
            (folder / (f"{name}.gz" if pack else name)).write_bytes(data)
    return train
