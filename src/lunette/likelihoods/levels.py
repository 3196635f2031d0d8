"""Distributions of 8-bit pixels, on the levels k/255 with k = 0 … 255: beta-binomial and categorical."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Beta, Binomial, Categorical

from lunette.images import Shape
from lunette.likelihoods.pixels import LIKELIHOODS, PixelDistribution, PixelHead, within

LARGEST_LOG = 9.0  # of α and β: with both there, the spread is within 1 % of the binomial's, the least there is


def level(x: Tensor) -> Tensor:
    """Return the level k = 0 … 255 of pixels in [0, 1], as floats."""
    return (255 * x).round()


def betaln(a: Tensor, b: Tensor) -> Tensor:
    """Log of the beta function, Γ(a) Γ(b) / Γ(a + b)."""
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


class BetaBinomial(PixelDistribution):
    """P(k) = C(255, k) B(k + α, 255 − k + β) / B(α, β), by log α and log β (…)."""

    def __init__(self, log_alpha: Tensor, log_beta: Tensor) -> None:
        # The probability is a small difference of large numbers, which float32 gets wrong in the third digit.
        precise = torch.float32 if log_alpha.device.type == "mps" else torch.float64  # which Apple's GPUs lack
        self.alpha = log_alpha.to(precise).exp()
        self.beta = log_beta.to(precise).exp()
        super().__init__(self.alpha.shape)

    @property
    def mean(self) -> Tensor:
        """α / (α + β), exactly."""
        return (self.alpha / (self.alpha + self.beta)).float()

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log P of the level of each pixel."""
        k = level(value).to(self.alpha.dtype)
        log_choices = -math.log(256) - betaln(k + 1, 256 - k)
        return (log_choices + betaln(k + self.alpha, 255 - k + self.beta) - betaln(self.alpha, self.beta)).float()

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return draws (*sample_shape, …) of k/255."""
        share = Beta(self.alpha, self.beta, validate_args=False).sample(torch.Size(sample_shape))
        return (Binomial(255, share, validate_args=False).sample() / 255).float()


@LIKELIHOODS.register("beta-binomial")
class BetaBinomialHead(PixelHead):
    """Each pixel's level is a count of 255 draws whose probability is Beta(α, β): as wide or as flat as need be.

    Two features a pixel, log α and log β, kept within ±9.
    """

    kind = "mass"

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, per_pixel=2)

    def pixels(self, features: Tensor) -> BetaBinomial:
        """Features are log α of all channels, then log β."""
        log_alpha, log_beta = within(features, LARGEST_LOG).chunk(2, dim=-3)
        return BetaBinomial(log_alpha, log_beta)


class Levels(PixelDistribution):
    """P(k) = softmax of logits (…, 256, C, H, W), batch (…, C, H, W)."""

    def __init__(self, logits: Tensor) -> None:
        self.logs = logits.log_softmax(-4)
        super().__init__(logits[..., 0, :, :, :].shape)

    @property
    def mean(self) -> Tensor:
        """Σ_k P(k) · k/255, exactly."""
        levels = torch.linspace(0, 1, 256, device=self.logs.device)
        return (self.logs.exp() * levels.reshape(256, 1, 1, 1)).sum(-4)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log P of the level of each pixel."""
        k = level(value).long().expand(torch.broadcast_shapes(value.shape, self.batch_shape)).unsqueeze(-4)
        return self.logs.expand(*k.shape[:-4], *self.logs.shape[-4:]).gather(-4, k).squeeze(-4)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return draws (*sample_shape, …) of k/255."""
        levels = Categorical(logits=self.logs.movedim(-4, -1), validate_args=False)
        return levels.sample(torch.Size(sample_shape)) / 255


@LIKELIHOODS.register("categorical")
class CategoricalHead(PixelHead):
    """Each of a pixel's 256 levels has a probability of its own, as in PixelRNN (van den Oord et al., ICML 2016).

    256 features a pixel: an mlp's last layer becomes 256 times as large, and so does the memory of its numbers.
    """

    kind = "mass"

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, per_pixel=256)

    def pixels(self, features: Tensor) -> Levels:
        """Features are the logits of level 0 of all channels, then of level 1, …."""
        return Levels(features.unflatten(-3, (256, -1)))
