"""Networks that see what they must not, so that their numbers are no probabilities: found, and refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from lunette.codes import Conditioning
from lunette.compute.coding import device_of
from lunette.errors import Unsupported
from lunette.models import LatentModel
from lunette.randomness import part_of_batch, reseed

BATCH = 6  # pictures that are looked at
PLACES = 32  # of a sequence, that are changed
ROUNDING = 1e-4  # products of other sizes round otherwise; statistics of a batch shift numbers far more

Network = Callable[[Tensor], Tensor]


@torch.inference_mode()
def check_leaks(model: LatentModel, x: Tensor, y: Tensor | None = None) -> None:
    """Raise LunetteError for a model whose numbers of pictures x (N, C, H, W), told y, are no probabilities.

    That is where what it makes of one picture, in the mode that it is in, depends on the others of its batch; and
    where an autoregressive part conditions an element on itself or on one that comes after it.
    """
    with torch.random.fork_rng():
        check_pictures(model, x[:BATCH], None if y is None else y[:BATCH])
        reseed(0, "leaks")
        check_order(model)


def check_pictures(model: LatentModel, x: Tensor, y: Tensor | None) -> None:
    """Raise LunetteError where a picture's codes or densities alone differ from those among others, in two orders.

    Alone it meets the noise of its place in the batch, so that only the others can make a difference.
    """
    for order in (torch.arange(len(x)), torch.arange(len(x)).flip(0)):
        images, labels = x[order], None if y is None else y[order]
        together = numbers(model, images, labels)
        for i in range(len(x)):
            here = slice(i, i + 1)
            with part_of_batch(i, len(x)):
                alone = numbers(model, images[here], None if labels is None else labels[here])
            for (what, one), (_, all_of_them) in zip(alone, together, strict=True):
                if not torch.allclose(one, all_of_them[:, here], rtol=ROUNDING, atol=ROUNDING):
                    mode = ", in the training mode that it is in" if model.training else ""
                    raise Unsupported(
                        f"this model leaks across pictures: its {what} of a picture depends on the others of the "
                        f"batch{mode}; its numbers are refused, as they are not of pictures: use layers without the "
                        "statistics of a batch"
                    )


def numbers(model: LatentModel, x: Tensor, y: Tensor | None) -> list[tuple[str, Tensor]]:
    """Return what a pass with 2 draws makes of N pictures, by name, (2, N, …) each, with the same noise each time."""
    reseed(0, "leaks")
    trace, found = model.trace(x, y, samples=2), []
    for latent in trace.latents:
        found.append(("code", latent.z))
        if not latent.is_point:
            found.append(("log q(z | x)", latent.q.log_prob(latent.z)))
            if latent.p is not None:
                found.append(("log p(z)", latent.p.log_prob(latent.z)))
    return [*found, ("mean of p(x | z)", trace.px.mean), ("log p(x | z)", trace.px.log_prob(trace.x))]


def check_order(model: LatentModel) -> None:
    """Raise LunetteError where an autoregressive part of the model sees what it is to tell."""
    device, prior = device_of(model), model.prior
    sequence = None if prior is None else prior.sequence
    if sequence is not None and sequence.length > 1:
        entries, last = sequence.entries, sequence.length - 1
        indices = torch.randint(entries, (last,), device=device)
        places = torch.linspace(0, last - 1, min(last, PLACES)).long()
        seen = dependence(sequence, indices, (indices + 1) % entries, places)
        if any(sees[: place + 1].any() for sees, place in zip(seen, places.tolist(), strict=True)):
            raise Unsupported(out_of_order("prior over indices"))
    parts = [part.conditioners() for part in model.modules() if isinstance(part, Conditioning)]
    for what, D, network in itertools.chain(*parts):
        z = torch.randn(2, D, device=device)
        reach = dependence(network, z[0], z[1], torch.arange(D))
        for _ in range(D.bit_length()):  # over one, two, four … steps of the graph of what depends on what
            reach = reach | (reach.float() @ reach.float() > 0)
        if reach.diagonal().any():
            raise Unsupported(out_of_order(what))


def dependence(network: Network, value: Tensor, other: Tensor, places: Tensor) -> Tensor:
    """Return which outputs t of `network` ((R, T) → (R, t, …)) change with each of `places` of `value` (T), (P, t)."""
    rows = value.repeat(len(places) + 1, 1)
    rows[torch.arange(len(places)), places] = other[places]
    out = network(rows).flatten(2)
    return (out[:-1] - out[-1]).abs().amax(-1) > ROUNDING


def out_of_order(what: str) -> str:
    """Return the message of a leak against the order."""
    return (
        f"the autoregressive {what} of this model leaks against its order: what it says of an element depends on that "
        "element or on a later one, so its densities are none, and are refused: mend the mask of its network"
    )
