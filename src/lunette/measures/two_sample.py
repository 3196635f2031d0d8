"""Whether a classifier can tell two sets of pictures apart."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from lunette.compute import in_batches, to_float
from lunette.measures.probes import standard_error
from lunette.networks import architecture
from lunette.progress import Progress, announce
from lunette.randomness import generator, reseed

STEPS, BATCH, RATE = 400, 128, 1e-3
NETWORK = "conv:16/2,32/2:64"
DRAWS = 16 // 4  # values that the network makes of a pixel


def told_apart_by_pixels(a: Tensor, b: Tensor, seed: int = 0) -> tuple[float, float]:
    """Return the accuracy with which a convolutional network tells images a from b, and its standard error.

    Both are uint8 (N, C, H, W). It learns on one half of each, 400 steps of batch 128, and is measured on the other:
    0.5 is chance, for equal distributions.
    Source: Lopez-Paz & Oquab, ICLR 2017 (classifier two-sample test).
    """
    (x, y), (held_out, truth) = halves(a, b, seed)
    draws = generator(seed, "two-sample test")
    channels, height, width = a.shape[1:]
    with torch.random.fork_rng():
        reseed(seed, "two-sample test")
        network = architecture(NETWORK).encoder((channels, height, width), 1)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    for step in range(STEPS):
        index = torch.randint(len(x), (BATCH,), generator=draws)
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(network(to_float(x[index]))[:, 0], y[index]).backward()
        optimizer.step()
        announce(Progress("telling samples from pictures", step + 1, STEPS))
    with torch.inference_mode():
        logits = [network(to_float(held_out[cut])) for cut in in_batches(len(held_out), a.shape[1:], DRAWS)]
    return accuracy(torch.cat(logits)[:, 0] > 0, truth)


def told_apart_by_features(a: Tensor, b: Tensor, seed: int = 0) -> tuple[float, float]:
    """Return what `told_apart_by_pixels` does for features (N, F) and logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    (x, y), (held_out, truth) = halves(a, b, seed)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x.numpy(), y.numpy())
    return accuracy(torch.from_numpy(model.predict(held_out.numpy())) > 0, truth)


def halves(a: Tensor, b: Tensor, seed: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return (pictures, 1 where they are of `a`) to learn from and to measure on: half of each set, by chance."""
    draws = generator(seed, "two-sample halves")
    n = min(len(a), len(b))  # as many of each, so that chance is 0.5
    sides = [x[torch.randperm(len(x), generator=draws)[:n]].tensor_split(2) for x in (a, b)]
    first, second = (
        (torch.cat(pair), torch.cat([torch.ones(len(pair[0])), torch.zeros(len(pair[1]))]))
        for pair in zip(*sides, strict=True)
    )
    return first, second


def accuracy(said: Tensor, truth: Tensor) -> tuple[float, float]:
    """Return the share of (N,) that was said rightly, and its standard error."""
    share = float((said == truth.bool()).float().mean())
    return share, standard_error(share, len(truth))
