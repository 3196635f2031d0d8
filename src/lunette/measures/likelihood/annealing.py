"""Annealed importance sampling of log p(x), and the sandwich that says how far off it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.compute import keep_memory, values_per_pixel
from lunette.compute.coding import device_of, part
from lunette.errors import LunetteError, Unsupported
from lunette.measures.likelihood.bound import enough_memory
from lunette.measures.likelihood.chains import path_of
from lunette.models import LatentModel
from lunette.progress import counted
from lunette.randomness import reseed

PASS_VALUES = 2**18  # of decoded pictures at a time: with their gradients they stay in the processor's cache
BEND = 4.0  # β is the sigmoid of −4 … 4: the densities change fastest near both ends
PILOTS = 4  # chains that choose the step sizes


@dataclass(frozen=True)
class Annealing:
    """How many chains a picture has, and through how many temperatures they go."""

    chains: int = 16
    temperatures: int = 300

    def __post_init__(self) -> None:
        if self.chains < 1 or self.temperatures < 3:
            raise LunetteError(
                f"annealing takes 1 chain or more through 3 temperatures or more, not {self.chains} through "
                f"{self.temperatures}"
            )

    @property
    def betas(self) -> list[float]:
        """The inverse temperatures, from 0 to 1."""
        bent = torch.linspace(-BEND, BEND, self.temperatures, dtype=torch.float64).sigmoid()
        return ((bent - bent[0]) / (bent[-1] - bent[0])).tolist()


@dataclass(frozen=True)
class Sandwich:
    """A lower and an upper bound on log p(x) of pictures x (N, C, H, W) that the model drew, in nats, (N,) both."""

    x: Tensor
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def annealed_bounds(
    model: LatentModel,
    x: Tensor,
    y: Tensor | None = None,
    how: Annealing = Annealing(),
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the bound −log 1/K Σ w on −log p(x) (N,) of images x (N, C, H, W) in [0, 1], by annealed chains.

    It is a bound in the mean, as the importance bound is, and the nearer the more temperatures there are, also
    where the encoder is far off. Memory depends on neither N nor K. Raises LunetteError for a model without a prior,
    with codes on several rungs, and with codes that are points, categories or lie in a curved space.
    Sources: Neal, "Annealed importance sampling", Statistics and Computing 2001; Wu, Burda, Salakhutdinov, Grosse,
    "On the quantitative analysis of decoder-based generative models", ICLR 2017.
    """
    return -_log_means(model, x, y, None, how, seed)[0]


def sandwich(
    model: LatentModel,
    n: int,
    y: Tensor | None = None,
    how: Annealing = Annealing(),
    seed: int = 0,
) -> Sandwich:
    """Return what chains from the encoder's posterior, and chains back from the exact one, say of log p(x).

    The model draws n codes z and a picture x of each; so z is a draw from the exact p(z | x), as no real picture has
    one. The two bounds hold in the mean, and what lies between them bounds the error of either.
    Source: Grosse, Ancha, Roy, "Measuring the reliability of MCMC inference with bidirectional Monte Carlo", NeurIPS
    2016.
    """
    check_annealing(model)
    with torch.random.fork_rng(), torch.inference_mode():
        reseed(seed, "simulate")
        device = device_of(model)
        y = None if y is None else y[:n].to(device)
        assert model.prior is not None
        p = model.prior(y)
        z = p.sample(torch.Size() if p.batch_shape else torch.Size((n,)))
        x = model.decode((z,), y).sample()
    return Sandwich(x, *_log_means(model, x, y, z, how, seed))


def check_annealing(model: LatentModel) -> None:
    """Raise LunetteError for a model whose codes chains cannot move."""
    if model.prior is None:
        raise Unsupported("this model has no prior, so it gives pictures no probability: take a recipe that has one")
    if model.prior.space != "plane":
        raise Unsupported(f"annealing moves codes straight on, and those of this model lie in a {model.prior.space}")
    if model.depth > 1:
        raise Unsupported("annealing moves codes of one rung, and this model's lie on several")


@torch.inference_mode()
def _log_means(
    model: LatentModel,
    x: Tensor,
    y: Tensor | None,
    codes: Tensor | None,
    how: Annealing,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log 1/K Σ w (N,) of chains from the encoder's posterior, and −log 1/K Σ w of those back from `codes`."""
    check_annealing(model)
    keep_memory()
    N, K, device = len(x), how.chains, device_of(model)
    room = max(1, PASS_VALUES // (math.prod(x.shape[1:]) * values_per_pixel(model)))  # images · chains at a time
    each = min(K, room)
    size = max(1, room // each)
    parts = [min(each, K - first) for first in range(0, K, each)]
    total = -(-N // size) * (1 + len(parts) * (2 if codes is not None else 1)) * (how.temperatures - 2)
    tick = counted("annealing", total)
    found = np.empty((2, N))
    with torch.random.fork_rng(), enough_memory():
        for start in range(0, N, size):
            cut = slice(start, start + size)
            reseed(seed, "annealing", start)
            path = path_of(model, x[cut].to(device), part(y, cut, device))
            steps = path.tuned(how.betas, min(PILOTS, each), tick)
            logs: tuple[list[Tensor], list[Tensor]] = [], []
            for k in parts:
                u = torch.randn(k, *path.mean.shape, device=device)
                logs[0].append(path.annealed(u, how.betas, steps, tick))
                if codes is not None:
                    u = ((codes[cut] - path.mean) / path.spread).expand_as(u)
                    logs[1].append(path.annealed(u, how.betas[::-1], steps.flip(0), tick))
            for i, sign in ((0, 1), (1, -1)):
                if logs[i]:
                    found[i, cut] = sign * (torch.cat(logs[i]).logsumexp(0) - math.log(K)).numpy()
    return found[0], found[1]
