"""Distributions of pixels that are on or off, or a share of on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent
from torch.nn.functional import logsigmoid

from lunette.images import Binarization, Shape, binarize
from lunette.likelihoods.pixels import LIKELIHOODS, ROUNDING, Kind, PixelDistribution, PixelHead, within

LARGEST_LOGIT = ROUNDING**-0.5  # of the continuous Bernoulli: there its spread is that of rounding to 8 bits
BINARIZED = {"none": "of grey pixels", "threshold": "binarized at one half", "dynamic": "binarized dynamically"}
HALVINGS = 5  # of the number of factors: some products of 32 are left


class BernoulliImages(Independent[Bernoulli]):
    """Pixels on or off by their logits l, each on its own: log p(x) = Σ x · l − log(1 + e^l) over them."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(value) of images (…, C, H, W) with pixels in [0, 1], in nats (…)."""
        logits = self.base_dist.logits
        return (value * logits).flatten(-3).sum(-1) - sum_of_softplus(logits.flatten(-3))


def sum_of_softplus(logits: Tensor) -> Tensor:
    """Return Σ log(1 + e^l) over the last dimension of logits l (…, P), in the time that suits: (…).

    Where no slopes are kept, log(1 + e^l) = max(l, 0) − log σ(|l|), and a logarithm, which costs the most, is taken
    only of a product of 63 σ or fewer. Each is at least ½, so that no product is 0.
    """
    if torch.is_grad_enabled():
        return -logsigmoid(-logits).sum(-1)  # which keeps for its slope what softplus computes again
    factors = logits.abs().sigmoid_()
    for _ in range(HALVINGS):
        half = factors.shape[-1] // 2
        if not half:
            break
        product = factors[..., :half] * factors[..., half : 2 * half]
        product[..., : factors.shape[-1] % 2] *= factors[..., 2 * half :]
        factors = product
    return logits.clamp(min=0).sum(-1) - factors.log_().sum(-1)


@LIKELIHOODS.register("bernoulli")
class BernoulliHead(PixelHead):
    """Each pixel is on with probability p: log p(x) = Σ x log p + (1 − x) log(1 − p), in nats.

    On grey pixels (`binarization` "none") this is the tutorials' binary cross-entropy: x counts as a share
    of on-pixels, and the number is no likelihood of the grey image. With "threshold" (x ≥ ½) or "dynamic"
    (a draw from Bernoulli(x) each time) images are first turned black and white, and it is one.
    """

    joint = BernoulliImages

    @classmethod
    def made(cls, number: tuple[Any, ...], shape: Shape, binarization: Binarization) -> PixelHead:  # noqa: ARG003, D102
        return cls(shape, binarization)

    def __init__(self, shape: Shape, binarization: Binarization = "none") -> None:
        super().__init__(shape)
        self.binarization: Binarization = binarization
        self.kind: Kind = "none" if binarization == "none" else "mass"
        self.random = binarization == "dynamic"

    @property
    def basis(self) -> str:
        """The name, and what is compared: cross-entropy of grey pixels is no probability of black and white ones."""
        return f"bernoulli, {BINARIZED[self.binarization]}"

    def pixels(self, features: Tensor) -> Bernoulli:
        """Features are the logits of p."""
        return Bernoulli(logits=features, validate_args=False)

    def target(self, x: Tensor) -> Tensor:
        """Return `x` (…, C, H, W) as black and white, if so asked."""
        return binarize(x, self.binarization)

    def mean_target(self, x: Tensor) -> Tensor:
        """Return `x` itself for dynamic binarization: the mean of Bernoulli(x)."""
        return x if self.binarization == "dynamic" else self.target(x)


class ContinuousBernoulli(PixelDistribution):
    """p(x) = l e^(l x) / (e^l − 1) on [0, 1] by its logits l, and 1 where l = 0.

    With a = |l| and y the distance from the end of [0, 1] where p is highest, p = a e^(−a y) / (1 − e^−a): nothing
    overflows. For a < 1 that takes differences of nearly equal numbers, so series in l stand for it. torch's own clamps
    the sigmoid of l: beyond |l| = 16 it does not integrate to 1, and all its draws are those of 16.
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.is_near = logits.abs() < 1
        # Both are computed of every pixel; the one that does not count is held where it is finite, as are its slopes.
        self.near, self.far = logits.clamp(-1, 1), logits.abs().clamp(min=1)
        self.mass = -torch.expm1(-self.far)
        super().__init__(logits.shape)

    def from_highest(self, x: Tensor) -> Tensor:
        """Return y of x, or x of y."""
        return torch.where(self.logits < 0, x, 1 - x)

    @property
    def mean(self) -> Tensor:
        """1 / (1 − e^−l) − 1 / l."""
        square = self.near.square()
        series = 0.5 + self.near * (1 / 12 - square * (1 / 720 - square * (1 / 30240 - square / 1209600)))
        formula = self.from_highest(1 / self.far - torch.exp(-self.far) / self.mass)
        return torch.where(self.is_near, series, formula)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(value) of each pixel; `value` lies in [0, 1]."""
        square = self.near.square()
        even = square * (1 / 24 - square * (1 / 2880 - square * (1 / 181440 - square / 9676800)))
        series = self.near * (value - 0.5) - even
        formula = torch.log(self.far / self.mass) - self.far * self.from_highest(value)
        return torch.where(self.is_near, series, formula)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return draws (*sample_shape, …): y = −log(1 − u (1 − e^−a)) / a of u uniform on [0, 1)."""
        logits = self.logits.detach()
        a = logits.abs().clamp(min=torch.finfo(logits.dtype).tiny)
        u = torch.rand(self._extended_shape(torch.Size(sample_shape)), dtype=logits.dtype, device=logits.device)
        return self.from_highest(-torch.log1p(u * torch.expm1(-a)) / a)


@LIKELIHOODS.register("continuous-bernoulli")
class ContinuousBernoulliHead(PixelHead):
    """The density on [0, 1] proportional to p^x (1 − p)^(1 − x) (Loaiza-Ganem & Cunningham, NeurIPS 2019), in nats.

    Its normalising constant is what binary cross-entropy on grey pixels lacks to be a likelihood. Black and white
    pixels would raise the logits l, and log p = log |l| of such a pixel, without end; they are kept within
    ±255 √12 = ±883, where the spread 1 / |l| is that of rounding to 8 bits: log p stays below 6.8 a pixel.
    """

    kind = "density"

    def pixels(self, features: Tensor) -> ContinuousBernoulli:
        """Features are the logits of p, not yet kept within ±883."""
        return ContinuousBernoulli(within(features, LARGEST_LOGIT))
