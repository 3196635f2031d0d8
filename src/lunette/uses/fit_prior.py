"""A density of the codes of a trained run, to draw from: its own prior is seldom what its codes fill."""

from __future__ import annotations

import time
from typing import Annotated, Any

import torch
from torch import Tensor

from lunette.compute import in_batches, keep_memory, to_float, values_per_pixel
from lunette.compute.coding import device_of, part
from lunette.compute.labels import labels_for
from lunette.densities import CodeSet, density_arguments, make_density
from lunette.errors import LunetteError
from lunette.images import Images
from lunette.images.subset import at_most, warn_of_few
from lunette.models import LatentModel
from lunette.progress import Progress, announce
from lunette.randomness import reseed
from lunette.runs import FittedPrior, open_run
from lunette.uses.verb import Checkpoint, PriorKind, RunFolder, Seed, verb

HELD_OUT_SHARE = 0.1
MOST_HELD_OUT = 5_000
MOST = 20_000  # pictures, unless all are asked for: their codes are drawn some hundred times each
FEWEST = 10  # pictures


@verb("fit-prior", "train")
def fit_prior(
    run: RunFolder,
    kind: Annotated[PriorKind, "of the density"] = "flow-matching",
    *,
    components: Annotated[int | None, "of a mixture; by default 10"] = None,
    steps: Annotated[int | None, "of training a flow, two-stage or flow-matching prior"] = None,
    draws: Annotated[int, "posterior samples of each picture's code"] = 4,
    seed: Seed = 0,
    all_pictures: Annotated[bool, "fit it to all training pictures, not to 20,000 at most"] = False,
    checkpoint: Checkpoint = "last",
    **arguments: Any,
) -> FittedPrior:
    """Fit a density to a run's codes, to sample from; the trained weights stay as they are.

    It is kept in the run in place of the last of its kind. The codes are of training pictures, 20,000 at most unless it
    is to be of `all_pictures`: `draws` posterior samples z ~ q(z | x) of each picture, or its code where that is a
    point. A tenth of the pictures is held out to measure the fit on. `kind` is gaussian, mixture, flow, two-stage or
    flow-matching, and `components`, `steps` and further `arguments` are those of its density. The run's weights stay as
    they are.

    Raises:
        LunetteError: for an unknown kind or argument, where there are fewer than 10 pictures, and where the run's
            folder cannot be written to.

    Example:
        lunette fit-prior runs/autoencoder-mnist-001 --kind flow-matching
    """
    opened = open_run(run)
    given = {"components": components, "steps": steps} | arguments
    settled = density_arguments(kind, {name: value for name, value in given.items() if value is not None})
    if draws < 1:
        raise LunetteError(f"a density is fitted to at least 1 draw of each code, not {draws}")
    opened.priors.check_writable()
    trained = opened.trained(checkpoint)
    model = trained.recipe.model
    images, _ = at_most(opened.dataset.train, None if all_pictures else MOST, "training pictures")
    if len(images) < FEWEST:
        raise LunetteError(f"{len(images)} training pictures are too few to fit a density to: at least {FEWEST}")
    began = time.perf_counter()
    keep_memory()
    with torch.random.fork_rng():
        z, rungs = codes(model, images, draws, seed)
        y = None if images.labels is None else images.labels.to(z.device)
        held_out, rest = halves(CodeSet(z, y))
        warn_of_few(len(held_out.z[0]), "held-out pictures", "what is measured on their codes may be off by much")
        reseed(seed, "density")
        density = make_density(kind, z.shape[2], 0 if y is None else len(images.label_names), settled).to(z.device)
        for progress in density.fit(rest, held_out, seed):
            announce(progress)
        reseed(seed, "measure")
        with torch.inference_mode():
            measured = float(density.eval().loss(held_out.z[0], held_out.y).mean())
    prior = FittedPrior(
        kind=kind,
        arguments=settled,
        checkpoint=trained.name,
        checkpoint_sha256=trained.sha256,
        rungs=rungs,
        label_names=images.label_names if density.labels else (),
        pictures=rest.z.shape[1],
        draws=len(z),
        seed=seed,
        seconds=round(time.perf_counter() - began, 1),
        held_out={density.measure: measured},
        density=density.cpu(),
    )
    return opened.priors.save(prior)


@torch.inference_mode()
def codes(model: LatentModel, images: Images, draws: int, seed: int) -> tuple[Tensor, tuple[int, ...]]:
    """Return the codes of images (K, N, D) with their rungs side by side, and the dimensions of each rung.

    K is `draws` where the posterior is a distribution, and 1 where it is a point.
    """
    parts, labels = [], labels_for(model, images, images.label_names)
    for batch in in_batches(len(images), images.shape, values_per_pixel(model, draws)):
        x = to_float(images.pixels[batch].to(device_of(model)))
        reseed(seed, "codes", batch.start)
        y = part(labels, batch, x.device)
        latents = model.trace(x, y, samples=draws).latents
        points = all(latent.is_point for latent in latents)
        # Not from the trace: a model that mends damage codes damaged images there.
        rungs = [rung[None] for rung in model.encode(x, y)] if points else [latent.z for latent in latents]
        parts.append(torch.cat(rungs, dim=-1))
        announce(Progress("coding pictures", min(batch.stop, len(images)), len(images)))
    return torch.cat(parts, dim=1), tuple(rung.shape[-1] for rung in rungs)


def halves(codes: CodeSet) -> tuple[CodeSet, CodeSet]:
    """Part codes by pictures: those to measure on, and those to fit to."""
    n = min(max(round(HELD_OUT_SHARE * codes.z.shape[1]), 1), MOST_HELD_OUT)
    first, rest = (
        CodeSet(codes.z[:, batch], None if codes.y is None else codes.y[batch]) for batch in (slice(n), slice(n, None))
    )
    return first, rest
