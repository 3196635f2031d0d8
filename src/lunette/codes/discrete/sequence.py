"""The prior of quantised codes: their indices one after another, each by a network that has read those before it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from lunette.codes.dirac import NO_DENSITY
from lunette.codes.discrete.tokens import TokenHead
from lunette.codes.prior import Prior
from lunette.errors import Unsupported
from lunette.networks import Causal


class Sequences(Distribution):
    """p(k) = Π_t p(k_t | k_1 … k_{t−1}) of T indices by a causal network; batch (), event (T).

    In samples the logits are divided by `temperature`; at 0 they are the likeliest index each time.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)

    def __init__(self, network: Causal, temperature: float = 1.0) -> None:
        self.network = network
        self.temperature = temperature
        super().__init__(event_shape=torch.Size((network.length,)), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(k) of indices (…, T) in nats, (…)."""
        logits = self.network(value[..., :-1].flatten(0, -2)).float()
        logs = logits.log_softmax(-1).gather(-1, value.reshape(-1, value.shape[-1], 1))
        return logs.sum((-2, -1)).view(value.shape[:-1])

    @torch.no_grad()
    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return indices (*sample_shape, T)."""
        shape = torch.Size(sample_shape)
        k = torch.empty(shape.numel(), 0, dtype=torch.int64, device=self.network.places.device)
        for _ in range(self.network.length):
            logits = self.network(k)[:, -1].float()
            # The largest of logits + temperature · Gumbel noise is a draw with logits / temperature.
            gumbel = -torch.empty_like(logits).exponential_().log()
            k = torch.cat([k, (logits + self.temperature * gumbel).argmax(-1, keepdim=True)], 1)
        return k.view(*shape, -1)


class SequenceCodes(Distribution):
    """The codes (D) that `indices` name; like the posterior's points they have no density."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)

    def __init__(self, indices: Sequences, head: TokenHead) -> None:
        self.indices = indices
        self.head = head
        super().__init__(event_shape=torch.Size((head.latent,)), validate_args=False)

    @torch.no_grad()
    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return codes (*sample_shape, D)."""
        k = self.indices.sample(sample_shape).unflatten(-1, (self.head.positions, -1))
        return self.head.embed(k)

    def log_prob(self, value: Tensor) -> Tensor:  # noqa: ARG002
        """Raise LunetteError: points have no density."""
        raise Unsupported(NO_DENSITY)


class SequencePrior(Prior):
    """An autoregressive prior over the indices of codes, position by position and within one level by level."""

    def __init__(self, head: TokenHead) -> None:
        super().__init__()
        self._head = (head,)  # a tuple hides it from parameters(): what it learned is the posterior's
        self.network = Causal(head.positions * head.levels, head.entries, head.levels)

    @property
    def sequence(self) -> Causal:
        """The network that tells the indices."""
        return self.network

    def forward(self, y: Tensor | None = None, temperature: float = 1.0) -> SequenceCodes:  # noqa: ARG002
        """Return the prior of codes: batch (), event (D), the same for every label."""
        return SequenceCodes(Sequences(self.network, temperature), self._head[0])
