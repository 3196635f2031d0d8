"""Numbers as people read them."""

from __future__ import annotations


def short(value: float) -> str:
    """Return a number with two decimals, or two figures where those would show next to nothing of it."""
    return f"{value:.2f}" if abs(value) >= 0.1 or abs(value) < 1e-6 else f"{value:.2g}"
