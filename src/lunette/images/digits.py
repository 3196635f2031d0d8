"""Scikit-learn's scanned digits: 1,797 pictures of 8×8 pixels, which every installation has."""

from __future__ import annotations

import numpy as np
import torch

from lunette.images.sets import Images

WHITE = 16  # the data's own largest value


def digits() -> Images:
    """Return the digits (1797, 1, 8, 8) with their labels; values 0..16 become 0..255."""
    # here, because it takes a second that other sources need not pay
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.round(bunch.images * (255 / WHITE)).astype(np.uint8)[:, None]
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    return Images(torch.from_numpy(pixels), labels, tuple("0123456789"))
