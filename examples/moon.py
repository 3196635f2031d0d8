"""Halfway between full moon and crescent: an autoencoder and a VAE, against the moon itself.

    python examples/moon.py

Writes docs/pictures/moon-*.png: nine pictures on the straight line between the two codes, above the true moons
of the same lit fractions; prints the fractions, and how far each picture is from the true moon.
"""

from __future__ import annotations

import numpy as np
import torch

from gallery import keep, stacked, trained
from lunette.compute import to_float
from lunette.compute.coding import decode, encode
from lunette.images import lit_fraction, moons
from lunette.results.sheet import Sheet
from lunette.uses.draw.interpolate import linear

ENDS = torch.tensor([1.0, 0.2])  # lit fractions of a full moon and a crescent
STEPS = 9


def walk(recipe: str, data: str, **settings: float) -> None:
    model = trained(recipe, data, latent=2, epochs=60, **settings).model()
    full, crescent = encode(model, moons(ENDS))[0].split(1)
    drawn = decode(model, (linear(full, crescent, STEPS),))
    phases = lit_fraction(torch.from_numpy(drawn))
    truth = to_float(moons(phases.clamp(0, 1))).numpy()
    error = np.sqrt(np.square(drawn - truth).mean((1, 2, 3)))
    name = "-".join([recipe.replace("_", "-"), *data.split(":")[1:], *(f"{k}-{v:g}" for k, v in settings.items())])
    print(f"{recipe} on {data} {settings or ''}")
    print(f"  lit fractions: {'  '.join(f'{phase:.2f}' for phase in phases)}")
    print(f"  middle: {phases[STEPS // 2]:.2f}, {error[STEPS // 2]:.3f} from the true moon of that phase (RMSE)")
    keep(stacked(Sheet(drawn, STEPS), Sheet(truth, STEPS), columns=STEPS), f"moon-{name}.png")


if __name__ == "__main__":
    walk("autoencoder", "moons")
    walk("vae", "moons")
    walk("beta_vae", "moons", beta=20.0)
    walk("autoencoder", "moons:size")
    walk("vae", "moons:size")
