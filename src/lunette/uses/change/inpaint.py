"""Missing parts of pictures, filled in by what the model makes of the rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lunette.compute import in_batches, keep_memory, to_float, values_per_pixel
from lunette.compute.coding import device_of, part
from lunette.errors import LunetteError, LunetteWarning
from lunette.images import Mask, Pixels, read_mask
from lunette.models import LatentModel
from lunette.objectives import log_weights
from lunette.progress import counted
from lunette.randomness import reseed
from lunette.results.blocks import Block
from lunette.results.picture_folder import save_pictures
from lunette.results.result import Pictured
from lunette.results.sheet import Sheet
from lunette.runs import open_run
from lunette.signatures import Flag
from lunette.uses.verb import Checkpoint, GivenImages, LabelName, RunFolder, Seed, verb

TEST_PICTURES = 16  # that are filled in where none are given
ROWS, COLUMNS = 32, 10  # of the sheet, at most
GREY = 0.5  # what is missing, where it is shown
FEW = 0.01  # of the proposals, too few for a chain to have moved

Stepped = Callable[[], None]  # is called after each step


@dataclass(frozen=True)
class Filled:
    """Images (N, C, H, W) filled in with their mean, and draws (K, N, C, H, W); the share of proposals accepted."""

    mean: Tensor
    draws: Tensor
    acceptance: float


@dataclass(frozen=True, repr=False)
class Inpainted(Pictured):
    """Pictures (N, C, H, W), float32 in [0, 1], whose pixels `missing` (H, W) are filled in; the others are as given.

    `seen` has them grey, `images` their mean E[x | seen], and `draws` (K, N, C, H, W) the mean picture of a code of
    each of K chains. `acceptance` is the share of the chains' proposals that was accepted. A model without a density
    of codes has no chains: `acceptance` is None, and its one draw is the projection on what it can draw.
    """

    seen: NDArray[np.float32]
    images: NDArray[np.float32]
    draws: NDArray[np.float32]
    missing: NDArray[np.bool_]
    acceptance: float | None
    names: tuple[str, ...] = ()  # of the files that they were

    def __repr__(self) -> str:
        how = (
            "by projection" if self.acceptance is None else f"{len(self.draws)} draws, acceptance {self.acceptance:.2f}"
        )
        return f"Inpainted({len(self.images)} pictures, {self.missing.sum()} pixels of each, {how})"

    def blocks(self) -> Iterator[Block]:
        """Yield what it is."""
        yield self.sentence()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the pictures and the mask."""
        return {"seen": self.seen, "images": self.images, "draws": self.draws, "missing": self.missing}

    def picture(self) -> Image.Image:
        """Return the first 32 pictures, one a row: what is seen of it, filled in with the mean, and with draws."""
        draws = self.draws[: COLUMNS - 2] if self.acceptance is not None else self.draws[:0]
        rows = np.stack([self.seen, self.images, *draws], axis=1)[:ROWS]
        headings = ("what is seen", "mean", *(f"draw {i}" for i in range(1, len(draws) + 1)))
        return Sheet(rows.reshape(-1, *rows.shape[2:]), rows.shape[1], headings).picture()

    def save_folder(self, folder: str | Path) -> Path:
        """Write each filled-in picture as a PNG file of its own name, or number, and sheet.png, or nothing at all.

        Raises LunetteError for a folder with something in it.
        """
        return save_pictures(folder, self.images, self.names, self.picture())


@verb("inpaint", "change", out="folder")
def inpaint(
    run: RunFolder,
    images: GivenImages = None,
    *,
    mask: Annotated[
        Mask,
        Flag("a picture of the model's size, white where pixels are missing, or a box: x,y,width,height", str),
    ],
    draws: Annotated[int, "chains for each picture"] = 8,
    steps: Annotated[int, "of each chain"] = 200,
    label: LabelName = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
) -> Inpainted:
    """Fill in missing parts of pictures.

    They are under a mask, the same in the first 16 test pictures, or in all of `images`. These are brought to the
    model's size, which the mask has to have: a picture that is white where pixels are missing, a box
    "x,y,width,height", or an array of booleans (H, W). `draws` chains of `steps` steps, Metropolis within Gibbs, draw
    from p(z, missing | seen): by turns the missing pixels from p(x | z), and a code from q(z | x), which is accepted
    with the probability that makes this exact in the limit. In the first quarter all are accepted, to get there, and
    means are taken over the second half. On grey pixels cross-entropy counts as if it were a likelihood. Where codes
    have no density (plain autoencoders), encoding and decoding are repeated instead.

    Source: Mattei, Frellsen, "Leveraging the Exact Likelihood of Deep Latent Variable Models", NeurIPS 2018.

    Raises:
        LunetteError: for a model of several rungs and for a mask that does not fit.

    Example:
        lunette inpaint runs/vae-mnist-001 --mask 0,0,28,14
    """
    opened = open_run(run)
    missing = read_mask(mask, opened.settings.shape[1:])
    trained = opened.trained(checkpoint)
    given, names = trained.named_pictures(images)
    given = given.take(slice(TEST_PICTURES)) if images is None else given
    return inpaint_model(trained.model, given.pixels, missing, draws, steps, seed, trained.y(given, label), names)


@torch.inference_mode()
def inpaint_model(
    model: LatentModel,
    pixels: Pixels,
    missing: Tensor,
    draws: int = 8,
    steps: int = 200,
    seed: int = 0,
    y: Tensor | None = None,
    names: tuple[str, ...] = (),
) -> Inpainted:
    """Do what `inpaint` does, with a model at hand, pixels (N, C, H, W), bool `missing` (H, W) and labels y (N,)."""
    if draws < 1 or steps < 1:
        raise LunetteError(f"filling in takes 1 draw and 1 step or more, not {draws} and {steps}")
    keep_memory()
    device, hole, accepted = device_of(model), missing.to(device_of(model)), 0.0
    chains = draws if has_density(model, pixels, y) else 0
    images, drawn = np.empty(pixels.shape, np.float32), np.empty((max(chains, 1), *pixels.shape), np.float32)
    batches = in_batches(len(pixels), pixels.shape[1:], values_per_pixel(model, max(chains, 1)))
    stepped = counted("filling in pictures", len(batches) * steps)
    for batch in batches:
        x, labels = started(to_float(pixels[batch].to(device)), hole), part(y, batch, device)
        with torch.random.fork_rng():
            reseed(seed, "inpaint", batch.start)
            fill = partial(chain, chains=chains) if chains else project
            found = fill(model, x, hole, labels, steps=steps, stepped=stepped)
        images[batch] = torch.where(hole, found.mean, x).cpu().numpy()
        drawn[:, batch] = torch.where(hole, found.draws, x).cpu().numpy()
        accepted += found.acceptance * len(x) / len(pixels)
    if chains and accepted < FEW:
        warnings.warn(
            f"only {accepted:.2%} of the chains' proposals were accepted, so they hardly moved: the pictures are "
            "plausible at best, and no fair draws; more steps help, and a model that fits its pictures better",
            LunetteWarning,
            stacklevel=2,
        )
    seen = np.where(missing.numpy(), np.float32(GREY), images)
    return Inpainted(seen, images, drawn, missing.numpy(), accepted if chains else None, names)


def has_density(model: LatentModel, pixels: Pixels, y: Tensor | None) -> bool:
    """Return whether codes have a prior and a density.

    Raises LunetteError where they are on several rungs, and where the density is of the last draws alone.
    """
    device = device_of(model)
    with torch.random.fork_rng():
        latents = model.trace(to_float(pixels[:1].to(device)), part(y, slice(1), device)).latents
    if latents[0].p is None or latents[0].is_point:
        return False
    if len(latents) > 1:
        raise LunetteError(
            f"this model's codes are on {len(latents)} rungs, and chains here move codes of one: take a model of one "
            "rung, such as vae"
        )
    if model.moves_codes:
        raise LunetteError(
            "this model's posterior has a density only at its last draws, with their momenta, and chains here weigh "
            "codes of earlier ones: take another model, such as vae"
        )
    return True


def started(x: Tensor, missing: Tensor) -> Tensor:
    """Return images x (N, C, H, W) whose missing pixels are as the mean of the seen ones, in each channel."""
    return torch.where(missing, x[..., ~missing].mean(-1)[..., None, None], x)


def chain(
    model: LatentModel, x: Tensor, missing: Tensor, y: Tensor | None, chains: int, steps: int, stepped: Stepped
) -> Filled:
    """Run K `chains` of Metropolis within Gibbs for each of images x (N, C, H, W).

    A proposal z' ~ q(z | x) takes the place of z with probability min(1, w(z') / w(z)), w(z) = p(x, z) / q(z | x).
    """
    n = len(x)
    x, y = x.repeat(chains, 1, 1, 1), None if y is None else y.repeat(chains)
    trace = model.trace(x, y)
    x, z = trace.x, trace.latents[0].z  # x black and white from here, for a model that makes it so
    total, accepted, free = torch.zeros_like(x), 0, steps // 4
    for step in range(steps):
        px = model.decode((z,), y)
        if step >= steps // 2:
            total += px.mean[0]
        x = torch.where(missing, px.sample()[0], x)
        proposed = model.trace(x, y)
        (latent,) = proposed.latents
        assert latent.p is not None
        now = px.log_prob(x) + latent.p.log_prob(z) - latent.q.log_prob(z)
        accept = torch.rand_like(now).log() < log_weights(proposed) - now
        accepted += int(accept.sum()) if step >= free else 0
        z = torch.where((accept | (step < free)).unsqueeze(-1), latent.z, z)
        stepped()
    mean = (total / (steps - steps // 2)).unflatten(0, (chains, n)).mean(0)
    draws = model.decode((z,), y).mean[0].unflatten(0, (chains, n))
    return Filled(mean, draws, accepted / ((steps - free) * len(x)))


def project(model: LatentModel, x: Tensor, missing: Tensor, y: Tensor | None, steps: int, stepped: Stepped) -> Filled:
    """Replace the missing pixels of images x (N, C, H, W) by those of their reconstruction, `steps` times."""
    for _ in range(steps):
        x = torch.where(missing, model.decode(model.encode(x, y), y).mean, x)
        stepped()
    return Filled(x, x[None], 0.0)
