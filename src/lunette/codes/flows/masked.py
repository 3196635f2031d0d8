"""Flows of masked networks: the inverse autoregressive posterior and the neural spline prior."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import logsigmoid

from lunette.codes.conditioning import Conditioner
from lunette.codes.flows.flow import Flow
from lunette.codes.head import CodeHead
from lunette.codes.normal import NormalHead
from lunette.codes.posteriors import POSTERIORS
from lunette.codes.prior import Prior
from lunette.codes.priors import PRIORS
from lunette.heads import single
from lunette.specs import Number

CONTEXT = 64  # features of the encoder that a posterior's masked networks see
WIDTHS = (128, 128)  # of the masked networks' hidden layers
NEAR = 1e-6  # of a slope's largest number: what float32 tells


@POSTERIORS.register("iaf", Number(2))
class AutoregressiveHead(CodeHead):
    """Features (…, 2D + 64) → a diagonal normal and N inverse autoregressive maps, which see the last 64.

    Source: Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", NeurIPS 2016.
    """

    inverts = True

    def __init__(self, latent: int, steps: int) -> None:
        from zuko.nn import MaskedMLP  # here, because its import takes time that other models need not wait for

        super().__init__(latent, features=2 * latent + CONTEXT)
        self.base = NormalHead(latent)
        earlier = torch.ones(latent, latent, dtype=torch.bool).tril(-1)
        # Each step sees the dimensions in the opposite order of the one before.
        masks = [torch.cat([m, m.new_ones(latent, CONTEXT)], dim=1) for m in (earlier, earlier.T)]
        self.networks = nn.ModuleList(
            MaskedMLP(masks[i % 2].repeat(2, 1), WIDTHS, activation=nn.ELU) for i in range(steps)
        )

    def conditioners(self) -> Iterator[Conditioner]:
        """Yield its networks on some context; that makes no difference to what depends on what."""
        context = torch.randn(1, CONTEXT, device=next(self.parameters()).device)
        for network in self.networks:
            yield "posterior", self.latent, partial(in_two, network, context)

    def forward(self, features: Tensor) -> Flow:
        """(…, 2D + 64) → batch (…), event (D)."""
        base, context = single(features).split([2 * self.latent, CONTEXT], dim=-1)
        return Flow(self.base(base), [Autoregressive(network, context) for network in self.networks])


class Autoregressive:
    """f(z) = σ z + (1 − σ) m, log |det| = Σ log σ; σ_i and m_i are what `network` makes of z_<i and `context`."""

    def __init__(self, network: nn.Module, context: Tensor) -> None:
        self.network = network
        self.context = context

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Z → f(z) and its log-determinant, in one pass."""
        m, s = self._parameters(z)
        return torch.lerp(m, z, s.sigmoid()), logsigmoid(s).sum(-1)

    def inverse(self, z: Tensor) -> Tensor:
        """F(z) → z in D passes, each of which makes one more dimension right."""
        x = torch.zeros_like(z)
        for _ in range(z.shape[-1]):
            m, s = self._parameters(x)
            x = m + (z - m) / s.sigmoid()
        return x

    def slope(self, z: Tensor, slope: Tensor) -> Tensor:
        """The slope at f(z): y = v J⁻¹ by y ← y + (v − y J) / σ.

        J is triangular with the diagonal σ, so that D rounds are enough, and where the network bends little a few.
        """
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            m, s = self._parameters(z)
            σ = s.sigmoid()
            moved = torch.lerp(m, z, σ)
            (turn,) = torch.autograd.grad(logsigmoid(s).sum(), z, retain_graph=True)
        v, σ = slope - turn, σ.detach()
        y = v / σ
        for _ in range(z.shape[-1] - 1):
            (pulled,) = torch.autograd.grad(moved, z, y, retain_graph=True)
            step = (v - pulled) / σ
            y = y + step
            if not z.is_cuda and step.abs().max() <= NEAR * y.abs().max():  # to look would wait for a GPU
                break
        return y

    def _parameters(self, z: Tensor) -> tuple[Tensor, Tensor]:
        batch = torch.broadcast_shapes(z.shape[:-1], self.context.shape[:-1])
        seen = torch.cat([z.expand(*batch, -1), self.context.expand(*batch, -1)], dim=-1)
        m, s = single(self.network(seen)).chunk(2, dim=-1)
        return m, s + 2  # the paper's advice: a step begins near the map that does nothing


@PRIORS.register("flow", Number(3))
class FlowPrior(Prior):
    """The standard normal carried along by N autoregressive maps of splines.

    A density takes one pass through their masked networks, a draw D passes. The splines bend [−5, 5] alone.
    Source: Durkan et al., "Neural Spline Flows", NeurIPS 2019.
    """

    def __init__(self, latent: int, steps: int) -> None:
        from zuko.flows import NSF  # here, as above
        from zuko.nn import MaskedMLP

        super().__init__()
        self.flow = NSF(latent, transforms=steps, hidden_features=WIDTHS)
        for network in self.flow.modules():
            if isinstance(network, MaskedMLP):  # its products may be of bfloat16, a spline's knots not
                network.register_forward_hook(lambda _network, _inputs, knots: single(knots))

    def conditioners(self) -> Iterator[Conditioner]:
        """Yield the networks that make the knots of each dimension's spline."""
        from zuko.flows.autoregressive import MaskedAutoregressiveTransform  # here, as above

        for step in self.flow.modules():
            if isinstance(step, MaskedAutoregressiveTransform):
                yield "prior", len(step.order), partial(together, step.hyper)

    def forward(self, y: Tensor | None = None) -> Distribution:  # noqa: ARG002  (the same for every label)
        """Return the prior: batch (), event (D)."""
        return self.flow()


def in_two(network: nn.Module, context: Tensor, z: Tensor) -> Tensor:
    """Codes z (R, D) → both outputs of a network of each dimension, (R, D, 2), which gives all first ones first."""
    return network(torch.cat([z, context.expand(len(z), -1)], -1)).unflatten(-1, (2, -1)).transpose(-1, -2)


def together(network: nn.Module, z: Tensor) -> Tensor:
    """Codes z (R, D) → the outputs of a network of each dimension, (R, D, P)."""
    return network(z).unflatten(-1, (z.shape[-1], -1))
