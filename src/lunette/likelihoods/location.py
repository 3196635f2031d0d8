"""Distributions of pixels around a drawn picture: normal (squared error), Laplace (absolute error), Student's t."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Chi2, Laplace, Normal

from lunette.heads import positive
from lunette.images import Shape
from lunette.likelihoods.pixels import LIKELIHOODS, ROUNDING, Kind, PixelDistribution, PixelHead
from lunette.specs import Number

FIRST_SCALE = 0.25  # where a learned scale starts: about the spread of a picture's pixels
LARGEST_DF, FIRST_DF = 100.0, 5.0  # of Student's t: beyond, it is all but normal, and float32 loses its constant


class LocationHead(PixelHead):
    """The features draw a picture μ, by default its logits; `scale` is one number for all pixels, learned if None."""

    kind: Kind = "density"

    def __init__(self, shape: Shape, scale: float | None = None) -> None:
        super().__init__(shape)
        first = FIRST_SCALE if scale is None else scale
        positive("the scale of the likelihood", first)
        self.log_scale = nn.Parameter(torch.full((1,), math.log(first)), requires_grad=scale is None)

    @property
    def scale(self) -> Tensor:
        """The scale of every pixel, (1,), in units of the pixel range."""
        return self.log_scale.exp()


@LIKELIHOODS.register("normal", Number(0.1, optional=True))
class NormalPixelHead(LocationHead):
    """log p(x) = −Σ (x − μ)² / 2σ² − C·H·W · log(σ √2π), in nats; `scale` is σ."""

    def pixels(self, features: Tensor) -> Normal:
        """Features are the logits of μ."""
        return Normal(features.sigmoid(), self.scale, validate_args=False)


class OptimalNormal(Normal):
    """The normal distribution of pixels whose σ² is the best for what `log_prob` is given, and is then kept.

    That is the mean squared error over all images, samples, channels and pixels, though never less than what
    rounding to 8 bits makes. A tenth of it goes into `kept` (1,), a running mean.
    """

    def __init__(self, loc: Tensor, kept: Tensor) -> None:
        super().__init__(loc, kept.sqrt(), validate_args=False)
        self.kept = kept

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log N(value; μ, σ²) of each pixel; no gradient goes through σ², for which it is 0 at the optimum."""
        errors = (value - self.loc).square()
        variance = errors.detach().mean().clamp(min=ROUNDING)
        self.kept.lerp_(variance, 0.1)
        return -(errors / variance + torch.log(2 * math.pi * variance)) / 2


@LIKELIHOODS.register("optimal-normal")
class OptimalNormalHead(PixelHead):
    """The normal with σ² = mean (x − μ)², its optimum (Rybkin, Daniilidis & Levine, "σ-VAE", ICML 2021), in nats.

    In training it is that of the batch, or of the part of it that a process passes at once, and the distortion
    C·H·W / 2 · log(2πe σ²). In evaluation it is fixed at the running mean of the last ten batches or so, so that the
    number is a density, and does not depend on which images come together.
    """

    kind = "density"
    batchwise = True
    variance: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.register_buffer("variance", torch.full((1,), FIRST_SCALE**2))

    def pixels(self, features: Tensor) -> Normal:
        """Features are the logits of μ."""
        if self.training:
            return OptimalNormal(features.sigmoid(), self.variance)
        return Normal(features.sigmoid(), self.variance.sqrt(), validate_args=False)


@LIKELIHOODS.register("laplace", Number(0.1, optional=True))
class LaplaceHead(LocationHead):
    """log p(x) = −Σ |x − μ| / b − C·H·W · log 2b, in nats; `scale` is b."""

    def pixels(self, features: Tensor) -> Laplace:
        """Features are the logits of μ."""
        return Laplace(features.sigmoid(), self.scale, validate_args=False)


class UnnormalisedNormal(Normal):
    """The normal distribution without its constant: log_prob = −(x − μ)² / 2σ².

    With σ² = ½ its negative is the tutorials' squared error. It does not integrate to 1: it is no likelihood.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        """Return −(value − μ)² / 2σ² for each pixel."""
        return -(((value - self.loc) / self.scale) ** 2) / 2


@LIKELIHOODS.register("squared-error", Number(0.1, optional=True))
class SquaredErrorHead(LocationHead):
    """log p(x) = −Σ (x − μ)² / 2σ²: the normal without its constant, so `scale` (σ) cannot be learned."""

    kind = "none"

    def __init__(self, shape: Shape, scale: float | None = None) -> None:
        super().__init__(shape, 0.5**0.5 if scale is None else scale)

    @property
    def basis(self) -> str:
        """The name, and σ, by which the numbers are divided."""
        return f"squared-error of scale {self.scale.item():.4g}"

    def pixels(self, features: Tensor) -> UnnormalisedNormal:
        """Features are the logits of μ."""
        return UnnormalisedNormal(features.sigmoid(), self.scale, validate_args=False)


class StudentT(PixelDistribution):
    """Student's t around `loc` (…) with one scale and one ν for all pixels, so that their constant is made once."""

    def __init__(self, loc: Tensor, scale: Tensor, df: Tensor) -> None:
        self.loc = loc
        self.scale = scale
        self.df = df
        super().__init__(loc.shape)

    @property
    def mean(self) -> Tensor:
        """The centre, also for ν ≤ 1, where tails are too heavy for a mean."""
        return self.loc

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of each pixel."""
        half = (self.df + 1) / 2
        constant = torch.lgamma(half) - torch.lgamma(self.df / 2) - torch.log(math.pi * self.df) / 2 - self.scale.log()
        return constant - half * torch.log1p(((value - self.loc) / self.scale) ** 2 / self.df)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return draws (*sample_shape, …): a normal one over the root of χ²(ν) / ν."""
        shape = self._extended_shape(torch.Size(sample_shape))
        spread = (Chi2(self.df, validate_args=False).sample(shape).squeeze(-1) / self.df).sqrt()
        return self.loc + self.scale * torch.randn(shape, device=self.loc.device) / spread


@LIKELIHOODS.register("student-t", Number(0.1, optional=True))
class StudentTHead(LocationHead):
    """log p(x) = Σ log Γ((ν+1)/2) / (Γ(ν/2) √(πν) s) − (ν+1)/2 · log(1 + (x − μ)² / νs²), in nats; `scale` is s.

    Pixels that are far off cost little (Takahashi et al., "Student-t VAE", IJCAI 2018). ν is learned, from 5, and
    stays below 100.
    """

    def __init__(self, shape: Shape, scale: float | None = None) -> None:
        super().__init__(shape, scale)
        share = FIRST_DF / LARGEST_DF
        self.logit_df = nn.Parameter(torch.full((1,), math.log(share / (1 - share))))

    def pixels(self, features: Tensor) -> StudentT:
        """Features are the logits of μ."""
        return StudentT(features.sigmoid(), self.scale, LARGEST_DF * self.logit_df.sigmoid())
