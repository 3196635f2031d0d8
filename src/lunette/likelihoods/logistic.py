"""The logistic distribution of 8-bit pixels, and mixtures of it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily
from torch.nn.functional import logsigmoid, softplus

from lunette.heads import positive
from lunette.images import Shape
from lunette.likelihoods.levels import level
from lunette.likelihoods.location import LocationHead
from lunette.likelihoods.pixels import LIKELIHOODS, PixelDistribution, PixelHead, within
from lunette.specs import Number

LARGEST_LOG = 7.0  # of a scale in units of half the pixel range: the least is a ninth of a level


class DiscretizedLogistic(PixelDistribution):
    """P(k) = F((k + ½) / 255) − F((k − ½) / 255) with F(t) = 1 / (1 + e^((μ − t) / s)), the logistic's.

    The levels 0 and 255 take the tails too, so that all 256 sum to 1. `loc` μ may lie outside of [0, 1].
    """

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        self.loc = loc
        self.scale = scale
        super().__init__(loc.shape)

    @property
    def mean(self) -> Tensor:
        """The mean of the logistic held to [0, 1]: within half a level of the exact one, which would cost 255 terms."""
        loc, scale = self.loc, self.scale
        return (scale * (softplus(loc / scale) - softplus((loc - 1) / scale))).clamp(0, 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log P of the level of each pixel.

        With σ the logistic function and bounds a < b in units of s, σ(b) − σ(a) = σ(b) σ(−a) (1 − e^(a − b)): no
        difference of numbers that are nearly equal, however far away the level lies. A tail has a = −∞ or b = ∞.
        """
        k = level(value)
        width = 1 / (255 * self.scale)
        lower = ((k - 0.5) / 255 - self.loc) / self.scale
        first, last = k == 0, k == 255
        from_below = logsigmoid(lower + width).masked_fill(last, 0)
        from_above = logsigmoid(-lower).masked_fill(first, 0)
        return from_below + from_above + torch.log(-torch.expm1(-width)) * ~(first | last)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return draws (*sample_shape, …) of k/255."""
        uniform = torch.rand(self._extended_shape(torch.Size(sample_shape)), device=self.loc.device)
        return level((self.loc + self.scale * uniform.logit()).clamp(0, 1)) / 255


@LIKELIHOODS.register("discretized-logistic", Number(0.1, optional=True))
class DiscretizedLogisticHead(LocationHead):
    """Each pixel's level is a rounded logistic draw; one `scale` s for all pixels, learned if None.

    One scale for all is what VAEs take (Kingma et al., NeurIPS 2016); `logistic-mixture:1` has one for each pixel.
    """

    kind = "mass"

    def pixels(self, features: Tensor) -> DiscretizedLogistic:
        """Features are 2μ − 1."""
        return DiscretizedLogistic((1 + features) / 2, self.scale)


@LIKELIHOODS.register("logistic-mixture", Number(5, optional=True))
class LogisticMixtureHead(PixelHead):
    """Each pixel's level is of a mixture of M discretised logistics (Salimans et al., "PixelCNN++", ICLR 2017).

    3M features a pixel: weights, means and scales of its own. The channels of a colour are independent given the
    code, without that paper's autoregression from red over green to blue.
    """

    kind = "mass"

    def __init__(self, shape: Shape, components: int = 5) -> None:
        positive("the number of components of a logistic-mixture", components)
        super().__init__(shape, per_pixel=3 * components)

    def pixels(self, features: Tensor) -> MixtureSameFamily:
        """Features are the logits of all weights, then all 2μ − 1, then all log 2s, kept within ±7."""
        logits, loc, log_scale = features.unflatten(-3, (3, -1, self.shape[0])).movedim(-4, -1).unbind(-5)
        parts = DiscretizedLogistic((1 + loc) / 2, within(log_scale, LARGEST_LOG).exp() / 2)
        return MixtureSameFamily(Categorical(logits=logits, validate_args=False), parts, validate_args=False)
