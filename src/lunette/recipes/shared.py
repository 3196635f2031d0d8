"""What recipes share: arguments, whose text is their help on the command line and in the docs, and their models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import nn

from lunette.codes import CodeHead, DiracHead, Prior, code_head, make_prior
from lunette.errors import LunetteError
from lunette.heads import positive
from lunette.images import Binarization, Corruption, Shape
from lunette.likelihoods import PixelHead, pixel_head
from lunette.models import Autoencoder, Conditional
from lunette.networks import Architecture, DrawingLabels, ReadingLabels, architecture
from lunette.objectives import Objective, PathRate, Schedule, Term, rate, warmup
from lunette.recipes.registry import Recipe
from lunette.signatures import Flag

LatentSize = Annotated[int, Flag("dimensions of the code", common=True)]
Network = Annotated[
    str, Flag("encoder, mirrored by the decoder: mlp:256,128 or conv:32,64/2:128 or residual:64/2,128/2", common=True)
]
Likelihood = Annotated[
    str,
    Flag(
        "of pixels: bernoulli, continuous-bernoulli, beta-binomial, categorical, optimal-normal, or normal, laplace, "
        "student-t, squared-error, discretized-logistic, with a scale like normal:0.1, or logistic-mixture:5",
        common=True,
    ),
]
Binarize = Annotated[Binarization, "turn pixels black and white, once (threshold) or by a new draw each time (dynamic)"]
Posterior = Annotated[
    str,
    "of codes: normal, full (covariance), planar:8, radial:8, iaf:2 with so many steps, sphere, ball:1.0 (curvature)",
]
PriorSpec = Annotated[
    str,
    "of codes: normal, mixture:10 or vamp:100 with so many components, flow:3 with so many steps, sphere, ball:1.0, "
    "or label for cvae",
]
Beta = Annotated[float, Flag("weight of the rate", common=True)]
RateWarmup = Annotated[float, "epochs over which the weight of the rate rises from 0"]
Samples = Annotated[int, "draws of each code, K"]
Groups = Annotated[int, "bounds that the draws are shared among; a divisor of their number"]
PerRung = float | tuple[float, ...]
Terms = Mapping[Term, float | Schedule]


@dataclass(frozen=True)
class Deterministic:
    """The arguments of recipes whose codes are points."""

    latent: LatentSize = 64
    network: Network = "mlp:256,128"
    likelihood: Likelihood = "squared-error"

    def __post_init__(self) -> None:
        positive("latent", self.latent)

    def recipe(
        self,
        shape: Shape,
        terms: Terms,
        prior: Prior | None = None,
        activation: nn.Module | None = None,
        corrupt: Corruption | None = None,
    ) -> Recipe:
        """Return the autoencoder with these parts and terms; `activation` bounds its codes."""
        pixels = pixel_head(self.likelihood, shape)
        model = autoencoder(self.network, DiracHead(self.latent, activation), pixels, prior, corrupt)
        return Recipe(model, Objective(terms))


@dataclass(frozen=True)
class Sampled:
    """The arguments of recipes whose codes are drawn from a posterior, and can be from a prior."""

    latent: LatentSize = 20
    network: Network = "mlp:400"
    likelihood: Likelihood = "bernoulli"
    binarize: Binarize = "none"
    posterior: Posterior = "normal"
    prior: PriorSpec = "normal"

    def __post_init__(self) -> None:
        positive("latent", self.latent)

    def recipe(self, shape: Shape, terms: Terms, samples: int = 1, labels: int = 0) -> Recipe:
        """Return the variational autoencoder with these parts and terms, of `samples` (K) draws an image.

        It is told which of `labels` a picture has, if there are any.
        """
        pixels = pixel_head(self.likelihood, shape, self.binarize)
        code = code_head(self.posterior, self.latent)
        model = autoencoder(self.network, code, pixels, labels=labels)
        model.prior = make_prior(self.prior, self.latent, model.encoder, shape, labels)
        if model.prior.weighs_by_posteriors and code.inverts:
            raise LunetteError(
                f"the prior {self.prior} weighs a code by the posterior of each of its pictures, and {self.posterior} "
                "would have to be inverted for each, which takes far too long: use --posterior normal or full"
            )
        if model.prior.space != code.space:
            raise LunetteError(
                f"codes of the posterior {self.posterior} lie in a {code.space} and those of the prior {self.prior} in "
                f"a {model.prior.space}: choose both of one, such as sphere and sphere"
            )
        return Recipe(model, Objective(terms, samples))


@dataclass(frozen=True)
class Variational(Sampled):
    """The same, of recipes that weigh the rate, and can let it in slowly."""

    beta: Beta = 1.0
    rate_warmup: RateWarmup = 0.0
    rate_gradient: Annotated[
        Literal["closed-form", "path"],
        "of the KL that the rate is: of its formula, where there is one, or through a draw alone, which may have less "
        "noise",
    ] = "closed-form"

    @property
    def rate(self) -> Term:
        """The rate, with the gradient that was asked for."""
        return PathRate() if self.rate_gradient == "path" else rate

    @property
    def rate_weight(self) -> float | Schedule:
        """The weight of the rate: beta, after any warm-up."""
        return warmup(self.beta, self.rate_warmup)


def in_a_plane(parts: Sampled, what: str) -> None:
    """Raise LunetteError where codes do not lie in a plane, and `what` is of each dimension by itself."""
    space = code_head(parts.posterior, parts.latent).space
    if space != "plane":
        raise LunetteError(f"{what} is of each dimension of a code by itself, and these codes lie in a {space}")


def in_groups(samples: int, groups: int) -> int:
    """Return `groups`; raises LunetteError unless so many draws can be shared equally among them."""
    if groups < 1 or samples % groups:
        raise LunetteError(f"{samples} draws cannot be shared equally among {groups} bounds: choose a divisor")
    return groups


def of_each(name: str, value: PerRung, rungs: int) -> tuple[float, ...]:
    """Return a setting of each rung, given for all or one by one; raises LunetteError for another number of them."""
    values = value if isinstance(value, tuple) else (value,) * rungs
    if len(values) != rungs:
        raise LunetteError(f"{name} takes one number, or one for each of {rungs} rungs, not {len(values)}")
    return values


def autoencoder(
    network: str | Architecture,
    code: CodeHead,
    pixels: PixelHead,
    prior: Prior | None = None,
    corrupt: Corruption | None = None,
    labels: int = 0,
) -> Autoencoder:
    """Return the model of an encoder that ends in `code` and the decoder that mirrors it and ends in `pixels`.

    With `labels` both are told which of them a picture has.
    """
    networks, shape = architecture(network) if isinstance(network, str) else network, pixels.shape
    encoder = networks.encoder((shape[0] + bool(labels), *shape[1:]), code.features)
    decoder = networks.decoder(code.latent + labels, shape, pixels.features)
    if labels:
        encoder, decoder = ReadingLabels(encoder, shape, labels), DrawingLabels(decoder, labels)
    model = Autoencoder(Conditional(encoder, code), Conditional(code.before(decoder), pixels), prior, corrupt)
    model.labels = labels
    return model
