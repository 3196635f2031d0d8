"""How much of the labels can be read off codes: simple predictors that learn from some codes, and name others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 10
ITERATIONS = 1000

Codes = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]


def linear_probe(codes: Codes, labels: Labels, test_codes: Codes, test_labels: Labels) -> float:
    """Return the share of test codes (N, D) that a logistic regression of standardised codes names rightly.

    Linear probes: Alain and Bengio, ICLR workshop 2017.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    return float(probe.fit(codes, labels).score(test_codes, test_labels))


def nearest_neighbours(codes: Codes, labels: Labels, test_codes: Codes, test_labels: Labels) -> float:
    """Return the share of test codes (N, D) that most of their ten nearest codes (Euclidean) have the label of."""
    from sklearn.neighbors import KNeighborsClassifier

    vote = KNeighborsClassifier(min(NEIGHBOURS, len(codes)), algorithm="brute")
    return float(vote.fit(codes, labels).score(test_codes, test_labels))


def standard_error(share: float, n: int) -> float:
    """Return √(p (1 − p) / (n + 3)) with p = (n · share + 1) / (n + 2), of a share of n pictures.

    It is the standard deviation of the share where all shares were equally likely before: none of few is not certain.
    """
    p = (n * share + 1) / (n + 2)
    return math.sqrt(p * (1 - p) / (n + 3))
