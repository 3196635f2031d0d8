"""Penalties that keep a deterministic autoencoder's codes and decoder in bounds."""

from __future__ import annotations

import torch
from torch import Tensor

from lunette.models import LatentModel, Trace
from lunette.objectives.objective import without_unit
from lunette.randomness import noise


@without_unit
def code_norm(model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG001
    """½ ‖z‖², the mean over K draws, (N,). Source: Ghosh et al., ICLR 2020."""
    return torch.stack([latent.z.square().sum(-1).mean(0) / 2 for latent in trace.latents]).sum(0)


@without_unit
def decoder_gradient(model: LatentModel, trace: Trace) -> Tensor:
    """‖∂μ(z) / ∂z‖², the squared Frobenius norm of the drawn picture μ's Jacobian at each code, (N,).

    Estimated without bias as ‖vᵀ ∂μ / ∂z‖² with v ~ N(0, I). Source: Ghosh et al., ICLR 2020 (RAE-GP).
    """
    with torch.enable_grad():
        codes = [latent.z.detach().requires_grad_() for latent in trace.latents]
        drawn = model.decode(tuple(codes)).mean
        v = noise(torch.randn, drawn.shape, drawn, batch_dim=1)
        slopes = torch.autograd.grad(drawn, codes, v, create_graph=trace.latents[0].z.requires_grad)
    return torch.stack([slope.square().sum(-1).mean(0) for slope in slopes]).sum(0)


@without_unit
def decoder_weights(model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG001
    """½ Σ θ² over the parameters θ of the decoder's network, a scalar. Source: Ghosh et al., ICLR 2020 (RAE-L2)."""
    decoder = model.get_submodule("decoder.network")
    return torch.stack([p.square().sum() for p in decoder.parameters() if p.requires_grad]).sum() / 2
