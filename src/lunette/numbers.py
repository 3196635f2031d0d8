"""Numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def short(value: float) -> str:
    """Return a number with two decimals, or two figures where those would show next to nothing of it."""
    return f"{value:.2f}" if abs(value) >= 0.1 or abs(value) < 1e-6 else f"{value:.2g}"


def figures(value: float | None) -> str:
    """Return a number with four significant figures, at least whole; nothing for none."""
    if value is None or not math.isfinite(value):
        return "" if value is None else "–"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:#.4g}"


def finite(value: Any) -> Any:
    """Return JSON's content with None in place of each number that is not finite."""
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
