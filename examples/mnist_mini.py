"""Writes the digits that come with Lunette, the source mnist-mini: some of MNIST's, always the same ones.

LUNETTE_DATA=… python examples/mnist_mini.py
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lunette.images import read
from lunette.images.sources.named import MINI
from lunette.images.subset import some

TRAIN, TEST = 5_000, 1_000


def main() -> None:
    parts = read("mnist")
    assert parts.test is not None
    train, test = some(parts.train, TRAIN), some(parts.test, TEST)
    arrays: dict[str, NDArray[np.uint8]] = {}
    for name, images in (("train", train), ("test", test)):
        assert images.labels is not None
        arrays |= {f"x_{name}": images.pixels[:].numpy()[:, 0], f"y_{name}": images.labels.numpy().astype(np.uint8)}
    np.savez_compressed(MINI, allow_pickle=False, **arrays)
    print(f"{MINI.name}: {MINI.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
