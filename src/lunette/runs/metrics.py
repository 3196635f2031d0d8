"""The rows of metrics.jsonl, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from lunette.stored import within

Row = dict[str, Any]
KINDS = {
    "epoch": int,
    "step": int,
    "split": Literal["train", "validation", "test"],
    "loss": float,
    "weights": Mapping[str, float],
    "seconds": float,
}


def read_rows(data: bytes) -> list[Row]:
    """Return the rows in order; raises ValueError where one is damaged, or lacks a term that the others have."""
    rows: list[Row] = []
    first: dict[str, Row] = {}  # of each stage
    for number, line in enumerate(data.decode().splitlines(), 1):
        row = within(f"row {number}", Mapping[str, Any], json.loads(line))
        needed = first.setdefault(str(row.get("stage", "")), KINDS | row)
        if missing := needed.keys() - row.keys():
            raise ValueError(f"row {number} says nothing of {', '.join(sorted(missing))}")
        rows.append({name: within(f"row {number}, {name}", kind_of(name), value) for name, value in row.items()})
    return rows


def kind_of(name: str) -> Any:
    """Return the type of an entry: a term is a number."""
    return str if name == "stage" else KINDS.get(name, float)
