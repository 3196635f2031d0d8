"""Procedural pictures of the moon, from new over crescent to full, whose phase is known."""

from __future__ import annotations

import torch
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images.sets import Images, Parts
from lunette.images.sources.source import NamedSource, source

SIZE = 32
N = 4096
RADIUS = 0.8  # of the disc, as a share of half the picture's width
RADII = (0.45, 0.95)  # where the size varies
TILT = 0.5  # largest tilt to either side, in radians, where it varies
EARTHSHINE = 0.08  # brightness of the dark side beside the lit one: the new moon can just be seen
SAMPLES = 4  # a pixel's value is the mean of SAMPLES² points in it
CHUNK = 16  # moons at a time: what stays in a processor's cache is drawn faster
PHASES = ("new", "crescent", "gibbous", "full")


def moons(phase: Tensor, tilt: Tensor | None = None, radius: Tensor | None = None, size: int = SIZE) -> Tensor:
    """Draw moons of lit fraction `phase` (N,) in [0, 1]; return uint8 (N, 1, size, size).

    In the disc x² + y² ≤ r², a row with half chord w = √(r² − y²) is lit from x = w (1 − 2 · phase) to w: the
    terminator is half an ellipse, and the lit share of the disc's area is the phase. `tilt` (N,) turns the
    picture, in radians; `radius` (N,) is the disc's, as a share of half the width.
    """
    tilt = torch.zeros_like(phase) if tilt is None else tilt
    radius = torch.full_like(phase, RADIUS) if radius is None else radius
    factors = torch.stack([phase, tilt, radius])[..., None, None].float()
    return torch.cat([_draw(p, t, r, size) for p, t, r in torch.split(factors, CHUNK, dim=1)])


def _draw(phase: Tensor, tilt: Tensor, radius: Tensor, size: int) -> Tensor:
    fine = size * SAMPLES
    line = (torch.arange(fine, dtype=torch.float32) + 0.5) / fine * 2 - 1
    y, x = line[:, None], line[None, :]
    across, along = x * tilt.cos() + y * tilt.sin(), y * tilt.cos() - x * tilt.sin()
    half_chord = (radius**2 - along**2).clamp_min(0).sqrt()
    disc = x**2 + y**2 <= radius**2
    lit = disc & (across >= half_chord * (1 - 2 * phase))
    brightness = EARTHSHINE * disc + (1 - EARTHSHINE) * lit
    coarse = torch.nn.functional.avg_pool2d(brightness[:, None], SAMPLES)
    return (coarse * 255).round().to(torch.uint8)


def lit_fraction(images: Tensor) -> Tensor:
    """Measure the phase of pictures (…, 1, 32, 32) in [0, 1] of moons at the default size; return (…).

    (Σ x − Σ new) / (Σ full − Σ new): the share of the way from the new moon's light to the full moon's.
    """
    new, full = (moons(torch.tensor(ends)).sum(dtype=torch.float64) / 255 for ends in ([0.0], [1.0]))
    return ((images.sum((-1, -2, -3), dtype=torch.float64) - new) / (full - new)).float()


def moon_source(vary: tuple[str, ...]) -> Images:
    """Return 4,096 moons of all phases; `vary` may name "tilt" and "size" as further factors."""
    stream = torch.Generator().manual_seed(0)
    phase, tilt, radius = (torch.rand(N, generator=stream) for _ in range(3))
    tilt = (2 * tilt - 1) * TILT if "tilt" in vary else torch.zeros(N)
    radius = RADII[0] + (RADII[1] - RADII[0]) * radius if "size" in vary else torch.full((N,), RADIUS)
    labels = (phase * len(PHASES)).long().clamp_max(len(PHASES) - 1)
    factors = {"phase": phase} | {name: v for name, v in (("tilt", tilt), ("size", radius)) if name in vary}
    return Images(moons(phase, tilt, radius), labels, PHASES, factors)


@source
class Moons(NamedSource):
    """The set `moons`, whose tilt and size vary, too, where they are named: moons:tilt,size."""

    name = help = "moons"

    def images(self, options: str) -> Parts:  # noqa: D102
        vary = tuple(options.split(","))
        if not set(vary) <= {"", "tilt", "size"}:
            raise LunetteError(f"there is no moons:{options}: moons vary by their phase, and further by tilt and size")
        return Parts(moon_source(vary))
