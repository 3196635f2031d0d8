"""Courses of the learning rate, as multiples of its peak; pure functions of how far training is."""

from __future__ import annotations

import math

from lunette.training.settings import ScheduleName

ONE_CYCLE_RISE = 0.3  # share of training in which one-cycle rises (Smith & Topin, 2018)
ONE_CYCLE_START = 1 / 25  # and the multiple that it rises from


def multiple(schedule: ScheduleName, done: float, epochs: float = 1.0, warmup: float = 0.0) -> float:
    """Return the learning rate as a multiple of its peak, when `done` of `epochs` have passed, t = done / epochs.

    constant: 1. cosine: (1 + cos πt) / 2. one-cycle: cosine from 1/25 up to 1 at 0.3, cosine down to 0 at the end.
    A warm-up over `warmup` epochs, at most all, replaces the first part of constant and cosine by a straight line
    from 0, which is the same to the bit however many epochs follow.
    """
    warmup = min(warmup, epochs)
    if schedule == "one-cycle":
        progress = done / epochs
        if progress < ONE_CYCLE_RISE:
            return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * (1 - falling(progress / ONE_CYCLE_RISE))
        return falling((progress - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE))
    if done < warmup:
        return done / warmup
    return 1.0 if schedule == "constant" else falling((done - warmup) / (epochs - warmup))


def falling(t: float) -> float:
    """Half a cosine: (1 + cos πt) / 2, from 1 at t = 0 to 0 at t = 1."""
    return (1 + math.cos(math.pi * t)) / 2
