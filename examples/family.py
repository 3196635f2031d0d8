"""The pictures and tables of docs/family.md, or of some of its sections.

LUNETTE_DATA=… python examples/family.py [SECTION…]
"""

from __future__ import annotations

import sys

import numpy as np
import torch

import lunette
from gallery import keep, stacked, trained
from lunette.compute.coding import decode, encode
from lunette.results.sheet import Sheet

ARROW = 8  # pictures of a row in which one dimension of a code goes from −2 to 2


def bounds() -> None:
    """What training logs, and one measure for all, on digits in black and white."""
    for recipe in ("vae", "iwae", "miwae"):
        run = trained(recipe, "digits", epochs=100, binarize="threshold")
        bound = lunette.evidence(run, samples=1000)
        loss = run.metrics()[-1]["loss"]
        print(f"  {recipe}: test loss {loss:.2f}, bound {bound.mean:.2f} ± {bound.standard_error:.2f}")


def disentangling() -> None:
    """One row a dimension of a code: the moons on the way along it."""
    plain: dict[str, float] = {}
    for recipe, settings in (("vae", plain), ("beta_tc", {"beta": 20.0})):
        run = trained(recipe, "moons:tilt,size", latent=5, epochs=60, **settings)
        model = run.model()
        centre = encode(model, run.dataset.test.pixels[:])[0].mean(0)
        codes = centre.repeat(len(centre), ARROW, 1)
        for j, row in enumerate(codes):
            row[:, j] = torch.linspace(-2, 2, ARROW)
        keep(Sheet(decode(model, (codes.flatten(0, 1),)), ARROW), f"family-{recipe.replace('_', '-')}.png")
        print(f"  {recipe}: {run.metrics()[-1]}")


def discrete() -> None:
    """Reconstructions and samples of quantised codes."""
    run = trained("vq_vae", network="mlp:400", epochs=3, prior_epochs=3)
    keep(lunette.reconstruct(run, n=16), "family-vq-reconstructions.png")
    keep(lunette.sample(run, 64), "family-vq-samples.png")
    for row in run.metrics()[-8:]:
        print(f"  {row}")


def ladder() -> None:
    """Pictures, and what their codes draw from the top rung alone, from two, and from all three."""
    run = trained("ladder", preset="fast", rate_warmup=(5.0, 2.5, 0.0))
    model, test = run.model(), run.dataset.test.pixels[:12]
    codes = encode(model, test)
    rows = [decode(model, codes[: i + 1]) for i in range(len(codes))]
    keep(Sheet(np.concatenate([test.numpy() / np.float32(255), *rows]), len(test)), "family-ladder.png")
    print(f"  {run.metrics()[-1]}")


def labels() -> None:
    """A column a label, a row a style."""
    run = trained("cvae", preset="fast", epochs=5)
    keep(lunette.sample(run, 60), "family-cvae.png")
    print(f"  {run.metrics()[-1]}")


def perceptual() -> None:
    """The same pictures, as two recipes give them back."""
    sheets = []
    for recipe in ("vae", "ssim_vae"):
        run = trained(recipe, epochs=2)
        sheets.append(lunette.reconstruct(run, n=8))
        print(f"  {recipe}: {run.metrics()[-1]}")
    keep(stacked(*sheets, columns=16), "family-perceptual.png")


def likelihoods() -> None:
    """One recipe, one set of pictures, and the numbers of several likelihoods."""
    for likelihood in (
        "bernoulli",
        "squared-error",
        "normal",
        "student-t",
        "continuous-bernoulli",
        "discretized-logistic",
    ):
        row = trained("vae", "digits", epochs=100, likelihood=likelihood).metrics()[-1]
        print(f"  {likelihood}: test distortion {row['distortion']:.1f}, rate {row['rate']:.1f}")


def densities() -> None:
    """Draws from the prior that a VAE was trained with, and from one fitted to its codes."""
    run = trained("vae", preset="fast", epochs=5)
    keep(lunette.sample(run, 64), "family-prior-own.png")
    fitted = lunette.fit_prior(run, steps=2000, progress=False)
    print(f"  {fitted.kind}: {fitted.held_out}, {fitted.seconds} s")
    keep(lunette.sample(run, 64, prior=fitted.kind), "family-prior-fitted.png")
    print(f"  {run.metrics()[-1]}")


SECTIONS = {
    "bounds": bounds,
    "disentangling": disentangling,
    "discrete": discrete,
    "ladder": ladder,
    "labels": labels,
    "perceptual": perceptual,
    "likelihoods": likelihoods,
    "densities": densities,
}

if __name__ == "__main__":
    for section in sys.argv[1:] or SECTIONS:
        print(section, flush=True)
        SECTIONS[section]()
