"""The hierarchical autoencoder: codes on several rungs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from lunette.codes import NormalHead, Prior
from lunette.likelihoods import PixelHead
from lunette.models.conditional import Conditional
from lunette.models.model import LatentModel
from lunette.models.trace import Latent, Trace
from lunette.networks import Level

FIRST = 0.1  # how much smaller the first weights of a lower rung's distributions are: its KL starts near 0

Choose = Callable[[Distribution], Tensor]  # how a code is chosen by its distribution


class Rung(nn.Module):
    """p(z | h) and q(z | d, h) of a rung below the top, by the top-down state h and the image's bottom-up state d.

    Both are normal: with features (mean, log variance) A h' for the prior and A h' + B h' + C d for the
    posterior, h' = relu(h) (the residual posterior of Vahdat & Kautz, "NVAE", NeurIPS 2020).
    """

    def __init__(self, level: Level, latent: int) -> None:
        super().__init__()
        self.above = level.reader(4 * latent)
        self.image = level.reader(2 * latent)
        self.head = NormalHead(latent * level.places)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.mul_(FIRST)

    def forward(self, h: Tensor, d: Tensor | None) -> tuple[Distribution, Distribution]:
        """Return prior and posterior, batch as h's and event (D); without an image they are the same."""
        prior, shift = self.above(h.relu()).chunk(2, dim=-1)
        p = self.head(prior)
        return p, p if d is None else self.head(prior + shift + self.image(d))


class Ladder(LatentModel):
    """p(x, z) = p(x | z) Π p(z_l | z above), q(z | x) = Π q(z_l | x, z above): a rung a level, the top one first.

    A pass up leaves a state of the image at each level; the pass down carries one state, to which each rung
    adds its code. `prior` is of the top rung's code. Codes given to `decode` may end early: the rungs that
    are left out are then at their prior means, given those above.
    Sources: Sønderby et al., "Ladder Variational Autoencoders", NeurIPS 2016; Child, "Very Deep VAEs", ICLR 2021.
    """

    def __init__(self, levels: Sequence[Level], latent: int, pixels: PixelHead, prior: Prior) -> None:
        """Take levels from the image up; a code has `latent` dimensions at each of its level's places."""
        super().__init__(prior)
        top, *lower = reversed(levels)
        self.ups = nn.ModuleList(level.up for level in levels)
        self.top = Conditional(top.reader(2 * latent), NormalHead(latent * top.places))
        self.rungs = nn.ModuleList(Rung(level, latent) for level in lower)
        self.codes = nn.ModuleList(level.writer(latent) for level in (top, *lower))
        self.downs = nn.ModuleList(level.down for level in (top, *lower))
        self.pixels = pixels

    @property
    def depth(self) -> int:
        """The number of rungs, the top one among them."""
        return 1 + len(self.rungs)

    def trace(self, x: Tensor, y: Tensor | None = None, samples: int = 1) -> Trace:  # noqa: D102
        def sample(q: Distribution) -> Tensor:
            # The top rung's K samples each have distributions of their own below.
            return q.rsample(torch.Size(() if len(q.batch_shape) > 1 else (samples,)))

        x = self.pixels.target(x)
        latents, h = self._down(sample, y, self._up(x))
        return Trace(x, latents, self._draw(h))

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the posterior means (N, D), the top rung's first, each given the means above it; deterministic."""
        latents, _ = self._down(lambda q: q.mean, y, self._up(self.pixels.mean_target(x)))
        return tuple(latent.z for latent in latents)

    def draw(self, n: int, y: Tensor | None = None, temperature: float = 1.0) -> tuple[Tensor, ...]:  # noqa: D102
        def sample(p: Distribution) -> Tensor:
            z = p.sample(torch.Size(() if p.batch_shape else (n,)))
            return p.mean + temperature * (z - p.mean)

        latents, _ = self._down(sample, y)
        return tuple(latent.z for latent in latents)

    def decode(self, z: tuple[Tensor, ...], y: Tensor | None = None) -> Distribution:  # noqa: D102
        given = iter(z)
        _, h = self._down(lambda p: next(given, p.mean), y)
        return self._draw(h)

    def _up(self, x: Tensor) -> list[Tensor]:
        """Return the states of images x at each level, the top one first."""
        states = [x]
        for up in self.ups:
            states.append(up(states[-1]))
        return states[:0:-1]

    def _down(
        self, choose: Choose, y: Tensor | None, states: Sequence[Tensor] = ()
    ) -> tuple[tuple[Latent, ...], Tensor]:
        """Return the rungs, with codes chosen by their posteriors, or priors without an image, and the last state."""
        assert self.prior is not None
        p = self.prior(y)
        q = self.top(states[0]) if states else p
        latents = [Latent(choose(q), q, p)]
        h = self.codes[0](latents[0].z)
        for i, rung in enumerate(self.rungs, 1):
            h = self.downs[i - 1](h)
            p, q = rung(h, states[i] if states else None)
            latents.append(Latent(choose(q), q, p))
            h = h + self.codes[i](latents[i].z)
        return tuple(latents), h

    def _draw(self, h: Tensor) -> Distribution:
        return self.pixels(self.downs[-1](h))
