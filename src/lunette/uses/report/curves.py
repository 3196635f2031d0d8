"""How a run's losses went."""

from __future__ import annotations

from typing import Any

from lunette.objectives import unit_of
from lunette.results.figures import png
from lunette.runs import Run

NOT_TERMS = {"epoch", "step", "split", "stage", "weights", "seconds"}


def curves(run: Run) -> bytes:
    """Return a PNG with a panel for the loss and for each of its terms over the epochs."""
    from matplotlib.figure import Figure  # here, so that training need not wait for it
    from matplotlib.ticker import MaxNLocator

    rows = [row for row in run.metrics() if "stage" not in row and row["split"] != "test"]
    names = terms(rows)
    figure = Figure(figsize=(3.6 * len(names), 2.9), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for split, style in (("train", "-"), ("validation", "--")):
            points = [(row["epoch"], row[name]) for row in rows if row["split"] == split]
            if points:
                axes.plot(*zip(*points, strict=True), style, label=split, marker="." if len(points) == 1 else None)
        axes.set(title=name.replace("_", " "), xlabel="epoch", ylabel=unit(rows, name))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.legend()
    return png(figure)


def terms(rows: list[dict[str, Any]]) -> list[str]:
    """Return what metric rows hold beside their place: the loss, and its terms where there are several."""
    names = [name for name in (rows[0] if rows else {"loss": 0.0}) if name not in NOT_TERMS]
    return names[:1] if len(names) == 2 else names


def unit(rows: list[dict[str, Any]], name: str) -> str:
    """Return the unit of what metric rows call `name`, empty where it has none: of a term, or of the loss."""
    return (
        unit_of(*(term for term, weight in rows[-1]["weights"].items() if weight)) if name == "loss" else unit_of(name)
    )
