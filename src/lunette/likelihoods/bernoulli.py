"""Distributions of pixels that are on or off, or a share of on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, ContinuousBernoulli

from lunette.images import Binarization, Shape, binarize
from lunette.likelihoods.pixels import Kind, PixelHead


class LogitBernoulli(Bernoulli):
    """The Bernoulli distribution by its logits l: log p(x) = x · l − log(1 + e^l), in fewer passes than torch's."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(value) of each pixel; `value` lies in [0, 1]."""
        return value * self.logits - nn.functional.softplus(self.logits)


class BernoulliHead(PixelHead):
    """Each pixel is on with probability p: log p(x) = Σ x log p + (1 − x) log(1 − p), in nats.

    On grey pixels (`binarization` "none") this is the tutorials' binary cross-entropy: x counts as a share
    of on-pixels, and the number is no likelihood of the grey image. With "threshold" (x ≥ ½) or "dynamic"
    (a draw from Bernoulli(x) each time) images are first turned black and white, and it is one.
    """

    def __init__(self, shape: Shape, binarization: Binarization = "none") -> None:
        super().__init__(shape)
        self.binarization: Binarization = binarization
        self.kind: Kind = "none" if binarization == "none" else "mass"
        self.random = binarization == "dynamic"

    def pixels(self, features: Tensor) -> LogitBernoulli:
        """Features are the logits of p."""
        return LogitBernoulli(logits=features, validate_args=False)

    def target(self, x: Tensor) -> Tensor:
        """Return `x` (…, C, H, W) as black and white, if so asked."""
        return binarize(x, self.binarization)

    def mean_target(self, x: Tensor) -> Tensor:
        """Return `x` itself for dynamic binarization: the mean of Bernoulli(x)."""
        return x if self.binarization == "dynamic" else self.target(x)


class LogitContinuousBernoulli(ContinuousBernoulli):
    """The continuous Bernoulli distribution by its logits l, with the mean 1 / (1 − e^−l) − 1 / l."""

    @property
    def mean(self) -> Tensor:
        """The mean, to 2e-7: torch's takes differences that are off by up to 0.03 for p near ½ and near 1."""
        square = self.logits.square()
        series = 0.5 + self.logits * (1 / 12 - square * (1 / 720 - square * (1 / 30240 - square / 1209600)))
        # The mean of −l is 1 minus that of l, and large negative l would overflow.
        far = self.logits.abs().clamp(min=1)
        above = -1 / torch.expm1(-far) - 1 / far
        return torch.where(square < 1, series, torch.where(self.logits > 0, above, 1 - above))


class ContinuousBernoulliHead(PixelHead):
    """The density on [0, 1] proportional to p^x (1 − p)^(1 − x) (Loaiza-Ganem & Cunningham, NeurIPS 2019).

    Its normalising constant is what binary cross-entropy on grey pixels lacks to be a likelihood.
    """

    kind = "density"

    def pixels(self, features: Tensor) -> LogitContinuousBernoulli:
        """Features are the logits of p."""
        return LogitContinuousBernoulli(logits=features, validate_args=False)
