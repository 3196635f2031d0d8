"""What the tutorials get wrong, each point with a picture or a number.

    LUNETTE_DATA=… python examples/mistakes.py [POINT …]

Points: variance, sparsity, channels, device, weights, last-batch, cross-entropy, errors; all of them by default.
Pictures go to docs/pictures; docs/mistakes.md quotes the numbers.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

import lunette
from gallery import keep, stacked, trained
from lunette.codes import NormalHead
from lunette.codes.normal import diagonal_normal
from lunette.compute import pick_device
from lunette.compute.coding import encode
from lunette.images import load
from lunette.models import Autoencoder
from lunette.randomness import reseed
from lunette.recipes import build
from lunette.training import EpochEnd, Training, TrainingSettings

EPOCHS = 5


class DoubledNoise(NormalHead):
    """N(mean, exp(log_var)²): what z = mean + exp(log_var) · ε really draws from."""

    def forward(self, features: Tensor) -> Distribution:
        mean, log_var = features.chunk(2, dim=-1)
        return diagonal_normal(mean, log_var.exp())


class MixedNoise(NormalHead):
    """Draws from N(mean, exp(log_var)²), but its rate is that of N(mean, exp(log_var))."""

    def forward(self, features: Tensor) -> Distribution:
        q = super().forward(features)
        q.rsample = DoubledNoise.forward(self, features).rsample  # type: ignore[arg-type, method-assign]
        return q


def variance() -> None:
    data = load("mnist")
    for head in (NormalHead, MixedNoise):
        reseed(0, "weights")
        recipe = build("vae", data.train.shape)
        assert isinstance(recipe.model, Autoencoder)
        recipe.model.encoder.head = head(20)
        training = Training(recipe, data, TrainingSettings(epochs=EPOCHS, pictures=0), pick_device("cpu"))
        for _ in training.events():
            pass
        reported = training.measure(data.test).loss
        recipe.model.encoder.head = NormalHead(20) if head is NormalHead else DoubledNoise(20)
        true = training.measure(data.test).loss
        print(f"  {head.__name__}: it reports {reported:.1f} nats; the true bound of what it learned is {true:.1f}")


def sparsity() -> None:
    for weight in (0.0, 1.0):
        run = trained("sparse", epochs=EPOCHS, weight=weight)
        codes = encode(run.model(), run.dataset.test.pixels)[0]
        test = run.metrics()[-1]
        active = (codes > 0.5).float().mean()
        print(
            f"  sparsity term × {weight:g}: mean activation {codes.mean():.3f}, {active:.1%} of the code is above ½, "
            f"squared error {test['distortion']:.1f}"
        )


def channels() -> None:
    x = torch.rand(1, 28, 28)
    try:
        x.sub_(torch.full((3, 1, 1), 0.5))
    except RuntimeError as error:
        print(f"  torch: {error}")


def device() -> None:
    try:
        pick_device("cuda:1")
    except lunette.LunetteError as error:
        print(f"  lunette train --device cuda:1: {error}")


def weights() -> None:
    rows = []
    for name, beta, distortion in (("both parts", 1.0, 1.0), ("no rate", 0.0, 1.0), ("no distortion", 1.0, 0.0)):
        run = trained("beta_vae", epochs=EPOCHS, latent=20, beta=beta, distortion_weight=distortion)
        test = run.metrics()[-1]
        print(f"  {name}: distortion {test['distortion']:.1f}, rate {test['rate']:.1f} nats an image")
        rows += [lunette.reconstruct(run, n=8), lunette.sample(run, 16)]
    keep(stacked(*rows, columns=16), "mistake-weights.png")


def last_batch() -> None:
    data = load("mnist")
    reseed(0, "weights")
    recipe = build("gaussian_vae", data.train.shape)
    training = Training(recipe, data, TrainingSettings(epochs=EPOCHS, pictures=0), pick_device("cpu"))
    for batches, end in epochs(training):
        mean, last = end.metrics["train"].loss, batches[-1]
        spread = statistics.stdev(batches[-100:])
        print(
            f"  epoch {end.epoch}: the mean over its images {mean:.2f}, its last batch {last:.2f}; single batches vary "
            f"by ±{spread:.2f} (standard deviation of the last 100)"
        )


def epochs(training: Training) -> Iterator[tuple[list[float], EpochEnd]]:
    batches: list[float] = []
    for event in training.events():
        if isinstance(event, EpochEnd):
            yield batches, event
            batches = []
        elif hasattr(event, "terms"):
            batches.append(sum(float(value) for value in event.terms.values()))


def cross_entropy() -> None:
    x = load("mnist").test.pixels[:].double() / 255
    entropy = -(torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)).sum((1, 2, 3)).mean()
    print(f"  cross-entropy of a perfect picture of grey test digits: {entropy:.1f} nats, not 0")
    for settings in (
        {"binarize": "none"},
        {"binarize": "threshold"},
        {"binarize": "dynamic"},
        {"likelihood": "continuous-bernoulli"},
    ):
        run = trained("vae", epochs=EPOCHS, **settings)
        print(f"  {settings}: test loss {run.metrics()[-1]['loss']:.1f} nats")


def errors() -> None:
    sheets = []
    for likelihood in ("bernoulli", "squared-error:0.1", "laplace:0.1"):
        run = trained("vae", epochs=EPOCHS, likelihood=likelihood)
        test = run.dataset.test
        pairs = np.asarray(lunette.reconstruct(run, n=len(test)))
        difference = pairs[0::2] - pairs[1::2]
        print(
            f"  {likelihood}: test L1 {np.abs(difference).sum((1, 2, 3)).mean():.1f}, "
            f"L2 {np.square(difference).sum((1, 2, 3)).mean():.2f} an image, rate {run.metrics()[-1]['rate']:.1f} nats"
        )
        sheets.append(lunette.reconstruct(run, n=8))
    keep(stacked(*sheets, columns=16), "mistake-errors.png")


POINTS = {
    "variance": variance,
    "sparsity": sparsity,
    "channels": channels,
    "device": device,
    "weights": weights,
    "last-batch": last_batch,
    "cross-entropy": cross_entropy,
    "errors": errors,
}

if __name__ == "__main__":
    for point in sys.argv[1:] or POINTS:
        print(point)
        POINTS[point]()
