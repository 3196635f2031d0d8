"""Bounds on the evidence by several draws, beyond the plain importance bound: their values and their gradients."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from lunette.codes import log_prob_by_path
from lunette.errors import Unsupported
from lunette.models import Autoencoder, LatentModel, Trace
from lunette.objectives.terms import importance_bound, log_weights


@dataclass(frozen=True)
class MultipleBound:
    """The mean of `outer` (M) importance bounds of K / M draws each, (N,), in nats: with M = K the plain bound.

    Source: Rainforth et al., "Tighter variational bounds are not necessarily better", ICML 2018 (MIWAE).
    """

    outer: int

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return −1/M Σ_m log(M/K Σ_k w_mk)."""
        return grouped(log_weights(trace), self.outer)


@dataclass(frozen=True)
class PartialBound:
    """The importance bound of all K draws for the decoder, and the mean of `outer` bounds for the encoder.

    Its value is the former, (N,), in nats. Source: Rainforth et al., ICML 2018 (PIWAE).
    """

    outer: int

    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:
        """Return the bound, whose gradient differs from one half of the model to the other."""
        model = with_encoder(model)
        encoding = set(model.encoder.parameters())
        with still(encoding):
            drawing = grouped(anew(model, trace, detached=True), 1)
        with still(p for p in model.parameters() if p not in encoding):
            inference = grouped(anew(model, trace), self.outer)
        return drawing + inference - inference.detach()


def doubly_reparameterized_bound(model: LatentModel, trace: Trace) -> Tensor:
    """The importance bound, (N,), in nats, with an encoder's gradient of less variance: Σ_k w̃_k² ∂log w_k/∂z_k ∂z_k/∂φ.

    w̃ are the normalised weights. It has to be all that is trained. Source: Tucker et al., "Doubly Reparameterized
    Gradient Estimators for Monte Carlo Objectives", ICLR 2019.
    """
    (latent,) = trace.latents
    bound = importance_bound(model, trace)
    if not latent.z.requires_grad or latent.p is None:
        return bound
    logs = trace.px.log_prob(trace.x) + latent.p.log_prob(latent.z) - log_prob_by_path(latent.q, latent.z)
    shares = logs.detach().softmax(0)
    latent.z.register_hook(lambda gradient: shares.unsqueeze(-1) * gradient)
    surrogate = -(shares * logs).sum(0)
    return bound.detach() + surrogate - surrogate.detach()


def grouped(logs: Tensor, outer: int) -> Tensor:
    """Return the mean of the bounds of `outer` groups of log weights (K, N), (N,)."""
    groups = logs.unflatten(0, (outer, -1))
    return (math.log(groups.shape[1]) - groups.logsumexp(1)).mean(0)


def anew(model: LatentModel, trace: Trace, detached: bool = False) -> Tensor:
    """Return the log weights (K, N) of a trace's codes, drawn from and weighed again; `detached` from the encoder."""
    (latent,) = trace.latents
    z, q = latent.z, latent.q.log_prob(latent.z)
    if detached:
        z, q = z.detach(), q.detach()
    assert model.prior is not None
    return model.decode((z,)).log_prob(trace.x) + model.prior().log_prob(z) - q


@contextlib.contextmanager
def still(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Keep what is computed within this from having a gradient in `parameters`."""
    moving = [p for p in parameters if p.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in moving:
            parameter.requires_grad_(True)


def with_encoder(model: LatentModel) -> Autoencoder:
    """Return the model, whose encoder and decoder have to be parts of one rung."""
    if not isinstance(model, Autoencoder):
        raise Unsupported("this gradient parts encoder and decoder, so it needs a model of one rung")
    return model
