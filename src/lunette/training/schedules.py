"""Courses of the learning rate, as multiples of its peak; pure functions of how far training is."""

from __future__ import annotations

import math

from lunette.training.settings import ScheduleName

ONE_CYCLE_RISE = 0.3  # share of training in which one-cycle rises (Smith & Topin, 2018)
ONE_CYCLE_START = 1 / 25  # and the multiple that it rises from


def multiple(schedule: ScheduleName, progress: float, warmup: float = 0.0) -> float:
    """Return the learning rate as a multiple of its peak.

    `progress` and `warmup` are shares of all steps, in [0, 1]. constant: 1. cosine: (1 + cos πt) / 2.
    one-cycle: cosine from 1/25 up to 1 at 0.3, cosine down to 0 at the end. A warm-up replaces the first
    part of constant and cosine by a straight line from 0.
    """
    if schedule == "one-cycle":
        if progress < ONE_CYCLE_RISE:
            return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * (1 - falling(progress / ONE_CYCLE_RISE))
        return falling((progress - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE))
    if progress < warmup:
        return progress / warmup
    return 1.0 if schedule == "constant" else falling((progress - warmup) / (1 - warmup))


def falling(t: float) -> float:
    """Half a cosine: (1 + cos πt) / 2, from 1 at t = 0 to 0 at t = 1."""
    return (1 + math.cos(math.pi * t)) / 2
