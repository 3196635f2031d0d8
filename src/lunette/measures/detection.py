"""How well scores tell strange pictures from normal ones, and what a score means: functions of scores alone."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Auroc(NamedTuple):
    """The area under the receiver operating characteristic, with its standard error."""

    value: float
    standard_error: float


def auroc(scores: NDArray[np.floating], strange: NDArray[np.bool_]) -> Auroc:
    """Return P(a strange picture scores higher than a normal one) + ½ P(they tie), from scores (N,).

    A score that tells nothing has ½. The standard error is √(var V / m + var W / n) of the m strange and n normal
    pictures, V and W being each one's share of the others that it is rightly ordered with; nan where there is one
    of a kind, and where all are ordered alike, as nothing then tells how sure that is. Source: DeLong, DeLong &
    Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating characteristic curves",
    Biometrics 1988.
    """
    from scipy.stats import rankdata

    x, y = scores[strange], scores[~strange]
    ranks = rankdata(np.concatenate([x, y]))
    v = (ranks[: len(x)] - rankdata(x)) / len(y)
    w = 1 - (ranks[len(x) :] - rankdata(y)) / len(x)
    few = min(len(x), len(y)) < 2
    error = math.nan if few else math.sqrt(v.var(ddof=1) / len(x) + w.var(ddof=1) / len(y))
    return Auroc(float(v.mean()), error or math.nan)


def quantiles(scores: NDArray[np.floating], held_out: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return #{held-out scores below} / (n + 1) of each score (N,), by n held-out ones (n,) of normal pictures.

    1 − it is a conformal p-value: of a picture like the held-out ones it is α or less with a probability of at
    most α, for any α from 1 / (n + 1). They are NaN without held-out scores. Source: Bates et al., "Testing for
    outliers with conformal p-values", Annals of Statistics 2023.
    """
    if not len(held_out):
        return np.full(len(scores), np.nan)
    return np.searchsorted(np.sort(held_out), scores) / (len(held_out) + 1)
