"""Does each dimension of a code hold one known factor, and is each factor held by one dimension?

N codes of D dimensions, with F factors each, none of them constant. Scores are from 0 to 1, which is best. As Locatello
et al. (ICML 2019) do, a dimension is cut into 20 bins of equal width where information is counted. So is a factor of
more than 20 values: then a code that is the factor has all of its information.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BINS = 20
TREES, LEAF = 20, 5  # of a random forest, and the fewest pictures in one of a tree's leaves
VOTES, BATCH = 800, 64  # of the FactorVAE score, and pictures that a vote is taken from


def bins(values: Array) -> NDArray[np.int64]:
    """Return the number of the bin, of 20 of equal width, that each value (N,) is in."""
    return np.digitize(values, np.histogram_bin_edges(values, BINS)[1:-1])


def levels(factors: Array) -> NDArray[np.int64]:
    """Return the level of each factor (N, F): its value's place among those there are, or its bin where many are."""
    places = [np.unique(v, return_inverse=True)[1] for v in factors.T]
    return np.stack([bins(v) if k.max() >= BINS else k for v, k in zip(factors.T, places, strict=True)], axis=1)


def information(codes: Array, factors: Array) -> Array:
    """Return the mutual information I(z_d; v_f) (D, F) of each dimension with each factor, in nats."""
    from sklearn.metrics import mutual_info_score

    v = levels(factors)
    return np.array([[mutual_info_score(column, z) for column in v.T] for z in map(bins, codes.T)])


def entropies(factors: Array) -> Array:
    """Return the entropy H(v_f) (F,) of each factor, in nats."""
    shares = [np.bincount(column) / len(column) for column in levels(factors).T]
    return np.array([-(p[p > 0] * np.log(p[p > 0])).sum() for p in shares])


def gap(scores: Array) -> Array:
    """Return by how much the best dimension's score of each factor leads the second's: (D, F) → (F,).

    A code of one dimension leads by all of its score.
    """
    second, best = np.sort(np.vstack([np.zeros_like(scores[:1]), scores]), axis=0)[-2:]
    return best - second


def mutual_information_gap(info: Array, entropy: Array) -> float:
    """Return MIG, the mean over factors of (I(z_first; v_f) − I(z_second; v_f)) / H(v_f).

    Chen, Li, Grosse and Duvenaud, NeurIPS 2018.
    """
    return float((gap(info) / entropy).mean())


def modularity(info: Array) -> float:
    """Return the mean over dimensions of 1 − Σ_f≠best I(z_d; v_f)² / ((F − 1) I(z_d; v_best)²), for F ≥ 2.

    A dimension that holds nothing counts 0. Ridgeway and Mozer, NeurIPS 2018.
    """
    best = info.max(1)
    others = (info**2).sum(1) - best**2
    held = best > 0
    share = others[held] / ((info.shape[1] - 1) * best[held] ** 2)
    return float((1 - share).sum() / len(info))


def r_squared(codes: Array, factors: Array) -> Array:
    """Return R² (D, F) of the linear regression of each factor on each dimension alone; 0 on a constant one."""
    z, v = codes - codes.mean(0), factors - factors.mean(0)
    norms = np.sqrt((z**2).sum(0)[:, None] * (v**2).sum(0))
    return np.divide(z.T @ v, norms, out=np.zeros_like(norms), where=norms > 0) ** 2


def separated_attribute_predictability(scores: Array) -> float:
    """Return SAP, the mean over factors of how far the best dimension's R² leads the second's: (D, F) → a number.

    Kumar, Sattigeri and Balakrishnan, ICLR 2018, who score factors that are numbers so; names count by their number.
    """
    return float(gap(scores).mean())


def importance_of(codes: Array, factor: Array, test_codes: Array, test_factor: Array, seed: int) -> tuple[Array, float]:
    """Return how much each dimension (D,) matters in predicting one factor (N,), and R² on the test codes.

    The predictor is a random forest, as in Eastwood and Williams (ICLR 2018), and a dimension's importance is its
    share of what the splits take off the squared error. R² is 1 − the squared error / the variance, at least 0.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(TREES, min_samples_leaf=LEAF, random_state=seed).fit(codes, factor)
    return forest.feature_importances_, max(0.0, float(forest.score(test_codes, test_factor)))


def disentanglement(importance: Array) -> float:
    """Return Σ_d ρ_d (1 − H_F(P_d)) of importances R (D, F), F ≥ 2: does a dimension matter to one factor only?

    P_df = R_df / Σ_f R_df, H_F is the entropy in logarithms of base F, and ρ_d = Σ_f R_df / Σ R. Where none matters it
    is 0. Eastwood and Williams, ICLR 2018.
    """
    weights = importance.sum(1)
    return float((weights * concentration(importance)).sum() / (weights.sum() or 1))


def completeness(importance: Array) -> float:
    """Return the mean over factors of 1 − H_D(R_f / Σ_d R_df), of importances R (D, F), D ≥ 2.

    Does only one dimension matter to a factor? Eastwood and Williams, ICLR 2018.
    """
    return float(concentration(importance.T).mean())


def concentration(rows: Array) -> Array:
    """Return 1 − the entropy of each row (…, K), brought to the sum 1, in logarithms of base K; 0 of a row of zeros."""
    sums = rows.sum(1, keepdims=True)
    p = np.divide(rows, sums, out=np.full_like(rows, 1 / rows.shape[1]), where=sums > 0)
    terms = p * np.log(p, out=np.zeros_like(p), where=p > 0)
    return 1 + terms.sum(1) / math.log(rows.shape[1])


def votes(codes: Array, factors: Array, stream: np.random.Generator) -> NDArray[np.int64]:
    """Return how often each dimension varied least (D, F) among pictures that have one level of a factor in common.

    800 times a factor and a level of it are drawn, and 64 of the pictures that have it, with repetition; a dimension's
    variance among them is divided by that among all codes, and constant dimensions do not take part.
    """
    scale = codes.std(0)
    constant = scale == 0
    codes = codes / np.where(constant, 1, scale)
    groups = [[np.flatnonzero(v == level) for level in np.unique(v)] for v in levels(factors).T]
    groups = [[group for group in of_factor if len(group) > 1] for of_factor in groups]
    counts = np.zeros((codes.shape[1], len(groups)), np.int64)
    for _ in range(VOTES):
        factor = stream.integers(len(groups))
        group = groups[factor][stream.integers(len(groups[factor]))]
        variance = codes[stream.choice(group, BATCH)].var(0)
        counts[np.where(constant, np.inf, variance).argmin(), factor] += 1
    return counts


def vote_accuracy(counts: NDArray[np.int64], test_counts: NDArray[np.int64]) -> float:
    """Return the share of test votes (D, F) whose factor is the one that most votes for their dimension were of.

    This is the FactorVAE score of Kim and Mnih (ICML 2018); it is 1 / F by chance.
    """
    return float(test_counts[np.arange(len(counts)), counts.argmax(1)].sum() / test_counts.sum())
