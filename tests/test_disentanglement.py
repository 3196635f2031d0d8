"""Measures of disentanglement: perfect, turned and independent codes, and the published formulas by hand."""

import math

import numpy as np
import pytest

from lunette.measures.disentanglement import (
    VOTES,
    completeness,
    disentanglement,
    entropies,
    gap,
    importance_of,
    information,
    modularity,
    mutual_information_gap,
    r_squared,
    separated_attribute_predictability,
    vote_accuracy,
    votes,
)

LOG2 = math.log(2)
# All combinations of two, three, five and five levels, twice: the factors are exactly independent.
GRID = np.stack(np.meshgrid(range(2), range(3), range(5), range(5), range(2)), axis=-1).reshape(-1, 5)[:, :4] * 1.0
# Sixteen pictures of two factors, a bit each.
BITS = np.stack(np.meshgrid([0.0, 1.0], [0.0, 1.0], range(4)), axis=-1).reshape(-1, 3)[:, :2]


def draws(seed=0):
    return np.random.default_rng(seed)


def scores(codes, factors):
    """All scores of a code, whose first half is learned from."""
    n = len(codes) // 2
    info = information(codes, factors)
    columns = [importance_of(codes[:n], v[:n], codes[n:], v[n:], 0) for v in factors.T]
    importance = np.stack([column for column, _ in columns], axis=1)
    return {
        "MIG": mutual_information_gap(info, entropies(factors)),
        "SAP": separated_attribute_predictability(r_squared(codes, factors)),
        "modularity": modularity(info),
        "D": disentanglement(importance),
        "C": completeness(importance),
        "I": np.mean([share for _, share in columns]),
        "FactorVAE": vote_accuracy(votes(codes[:n], factors[:n], draws(1)), votes(codes[n:], factors[n:], draws(2))),
    }


@pytest.mark.parametrize("levels", [GRID, draws(5).random((3000, 4))])
def test_a_code_that_is_its_factors_gets_one(levels):
    exact = levels is GRID
    factors = draws().permutation(np.tile(levels, (8 if exact else 1, 1)))
    codes = factors[:, [2, 0, 3, 1]] * [-3.0, 0.01, 70.0, 1.0] + [5.0, 0.0, -1.0, 2.0]
    found = scores(codes, factors)
    assert found == pytest.approx(dict.fromkeys(found, 1), abs=1e-9 if exact else 0.03)
    # A dimension that is constant takes nothing from any of them but modularity, where it counts 0.
    wider = scores(np.insert(codes, 2, 7.0, axis=1), factors)
    assert wider == pytest.approx(found | {"modularity": found["modularity"] * 4 / 5}, abs=1e-6)


def test_an_independent_code_gets_zero():
    factors = draws().integers(0, 6, (4000, 4)) * 1.0
    found = scores(draws(1).normal(size=(4000, 5)), factors)
    chance = found.pop("FactorVAE")
    assert abs(chance - 1 / 4) < 4 * math.sqrt(1 / 4 * 3 / 4 / VOTES)
    found.pop("modularity")  # of information that is but noise it is a ratio of noise
    assert found == pytest.approx(dict.fromkeys(found, 0), abs=0.02)


def test_a_code_turned_by_an_eighth_loses_all_but_informativeness():
    factors = draws().random((4000, 2))
    turned = scores(factors @ np.array([[1.0, 1.0], [-1.0, 1.0]]), factors)
    assert turned["I"] > 0.97
    assert turned["MIG"] == pytest.approx(0, abs=0.02)
    assert turned["SAP"] == pytest.approx(0, abs=0.06)
    assert turned["modularity"] < 0.1
    assert max(turned["D"], turned["C"]) < 0.1


def test_information_of_bits_is_log_2():
    a, b = BITS.T
    codes = np.stack([3 - a, a + 2 * b, (a != b) * 1.0, 0 * a], axis=1)  # one bit, both, neither alone, nothing
    assert information(codes, BITS) == pytest.approx(np.array([[LOG2, 0], [LOG2, LOG2], [0, 0], [0, 0]]), abs=1e-12)
    assert entropies(BITS) == pytest.approx([LOG2, LOG2])
    # I(z; v) = H(v) − H(v | z): z says "1" of half of those with v = 1, and of no other, as a channel that erases.
    v, z = np.array([0, 0, 1, 1.0])[:, None], np.array([0, 0, 0, 1.0])[:, None]
    by_hand = LOG2 - 3 / 4 * -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert information(z, v)[0, 0] == pytest.approx(by_hand)


def test_many_values_are_cut_into_twenty_bins():
    v = np.linspace(0, 1, 2001)[:-1, None]
    assert entropies(v) == pytest.approx([math.log(20)], abs=1e-3)
    assert information(np.exp(v), v)[0, 0] < information(5 - v, v)[0, 0] == pytest.approx(math.log(20), abs=0.02)
    assert entropies(np.repeat(np.arange(20.0), 3)[:, None] ** 2) == pytest.approx([math.log(20)])  # a level each


def test_gap_and_what_is_made_of_it():
    info = np.array([[0.5, 0.2], [0.3, 0.4], [0.0, 0.1]])
    assert gap(info) == pytest.approx([0.2, 0.2])
    assert mutual_information_gap(info, np.array([0.5, 0.8])) == pytest.approx((0.2 / 0.5 + 0.2 / 0.8) / 2)
    assert separated_attribute_predictability(info) == pytest.approx(0.2)
    assert gap(np.array([[0.7, 0.1]])) == pytest.approx([0.7, 0.1])


def test_modularity_by_hand():
    # δ = (0.3² + 0.1²) / (2 · 0.5²) of the first dimension, 0 of the second; the third holds nothing and counts 0.
    info = np.array([[0.3, 0.5, 0.1], [0.0, 0.0, 0.4], [0.0, 0.0, 0.0]])
    assert modularity(info) == pytest.approx((1 - 0.1 / 0.5 + 1 + 0) / 3)
    assert modularity(np.ones((4, 3))) == pytest.approx(0)


def test_disentanglement_and_completeness_by_hand():
    importance = np.array([[3.0, 1.0], [0.0, 2.0], [1.0, 1.0], [0.0, 0.0]])

    def entropy(*p):
        return -sum(each * math.log(each) for each in p)

    of_first = 1 - entropy(3 / 4, 1 / 4) / LOG2  # the second is of one factor only, the third of both alike
    assert disentanglement(importance) == pytest.approx((4 * of_first + 2 * 1 + 2 * 0) / 8)
    of_factors = 1 - entropy(3 / 4, 1 / 4) / math.log(4), 1 - entropy(1 / 4, 1 / 2, 1 / 4) / math.log(4)
    assert completeness(importance) == pytest.approx(sum(of_factors) / 2)


def test_r_squared_by_hand():
    # v = (1, 2, 3, 6) on z = (0, 0, 1, 1): means 3 and 1/2, Σzv = 3, Σz² = 1, Σv² = 14.
    v, z = np.array([[1.0], [2.0], [3.0], [6.0]]), np.array([[0.0, 4], [0, 4], [1, 4], [1, 4]])
    assert r_squared(z, v) == pytest.approx(np.array([[9 / 14], [0]]))
    codes, factors = draws().normal(size=(50, 3)), draws(1).normal(size=(50, 2))
    expected = [[np.corrcoef(z, v)[0, 1] ** 2 for v in factors.T] for z in codes.T]
    assert r_squared(codes, factors) == pytest.approx(np.array(expected))


def test_votes_by_hand():
    assert vote_accuracy(np.array([[9, 1], [0, 5], [2, 3]]), np.array([[8, 2], [4, 6], [5, 0]])) == 14 / 25
    codes = np.stack([BITS[:, 1], 0 * BITS[:, 0], BITS[:, 0]], axis=1)
    counts = votes(codes, BITS, draws())
    assert counts[0, 0] == counts[2, 1] == counts[1].sum() == 0
    assert counts.sum() == VOTES
    assert abs(counts[2, 0] - VOTES / 2) < 4 * math.sqrt(VOTES) / 2


def test_codes_that_are_constant_are_not_disentangled():
    assert disentanglement(np.zeros((2, 3))) == completeness(np.zeros((2, 3))) == 0
