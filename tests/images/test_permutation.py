"""The order without memory: a bijection, uniform, and the same however it is read."""

import pickle

import pytest
import torch
from scipy import stats

from lunette.images.permutation import BLOCK, Permutation

PINNED = [1, 9, 0, 5, 6, 4, 2, 3, 8, 7]
PINNED_LARGE = [249319041299, 334058332943, 415846426396]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 100, 1000, 65_536, 100_003])
def test_it_is_a_bijection(n):
    assert torch.equal(Permutation(n, 5)[:].sort().values, torch.arange(n))


def test_it_is_the_same_on_every_machine():
    assert Permutation(10, 0)[:].tolist() == PINNED
    assert Permutation(10**12, 3)[10**11 : 10**11 + 3].tolist() == PINNED_LARGE


def test_seeds_and_sizes_give_other_orders():
    orders = {tuple(Permutation(n, seed)[:20].tolist()) for n in (100, 101) for seed in range(50)}
    assert len(orders) == 100


@pytest.mark.parametrize("n", [2, 3, 7, 20])
def test_positions_and_pairs_of_neighbours_are_uniform(n):
    orders = torch.stack([Permutation(n, seed)[:] for seed in range(1000)])
    for position in (0, n // 2, n - 1):
        assert stats.chisquare(torch.bincount(orders[:, position], minlength=n)).pvalue > 1e-4
    pairs = orders[:, 0] * n + orders[:, 1]
    counts = torch.bincount(pairs, minlength=n * n).reshape(n, n)
    assert stats.chisquare(counts[~torch.eye(n, dtype=torch.bool)]).pvalue > 1e-4


def test_neighbours_are_uncorrelated():
    order = Permutation(100_003, 1)[:].double()
    for lag in (1, 2, 16, 256):
        assert abs(stats.pearsonr(order[:-lag], order[lag:]).statistic) < 0.015  # 4.7 standard errors


def test_every_way_of_reading_agrees():
    order = Permutation(3 * BLOCK + 5, 2)
    whole = order[:]
    index = torch.randint(len(order), (7, 3), generator=torch.Generator().manual_seed(0))
    assert torch.equal(order[index], whole[index])
    for cut in (slice(0, 0), slice(5, 9), slice(BLOCK - 1, 2 * BLOCK + 1), slice(-3, None), slice(9, 5)):
        assert torch.equal(order[cut], whole[cut])
    part = order.part(slice(BLOCK - 10, -7))
    assert len(part) == len(part[:]) == 2 * BLOCK + 8
    assert torch.equal(part[3:-1], whole[BLOCK - 7 : -8])
    assert torch.equal(part[torch.tensor([4])], whole[[BLOCK - 6]])
    assert torch.equal(part.part(slice(20, 25))[:], whole[BLOCK + 10 : BLOCK + 15])
    assert torch.equal(pickle.loads(pickle.dumps(part))[:9], part[:9])
    assert len(pickle.dumps(part)) < 200
    for wrong in (torch.tensor([-1]), torch.tensor([len(order)]), slice(0, 9, 2)):
        with pytest.raises(IndexError):
            order[wrong]


def test_memory_does_not_grow_with_n():
    order = Permutation(10**12, 0)
    assert order[10**12 - 2 :].shape == (2,)
    assert len(order.part(slice(1, None))) == 10**12 - 1
    assert order[torch.tensor([0, 10**12 - 1])].max() < 10**12


def test_many_small_slices_compute_a_block_once(monkeypatch):
    order, calls = Permutation(BLOCK, 0), []
    network = order._network
    monkeypatch.setattr(order, "_network", lambda x: calls.append(1) or network(x))
    assert torch.equal(torch.cat([order[i : i + 64] for i in range(0, BLOCK, 64)]), Permutation(BLOCK, 0)[:])
    assert len(calls) == 1
