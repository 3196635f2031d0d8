"""Runs as curves and as points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from lunette.results.figures import png
from lunette.uses.compare.lines import SAMPLED, Line, Side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (4.6, 3.4)  # inches of a panel


def curves(sides: Sequence[Side]) -> bytes | None:
    """Return a PNG of the validation losses over epochs and over seconds, a row a kind of loss; None without any."""
    kinds = {side.loss: [s for s in sides if s.loss == side.loss] for side in sides if losses(side)}

    def draw(figure: Figure) -> None:
        panels = figure.subplots(len(kinds), 2, squeeze=False)
        for (over_epochs, over_seconds), (kind, same) in zip(panels, kinds.items(), strict=True):
            for side in same:
                epochs, seconds, values = zip(*losses(side), strict=True)
                style = {"color": color(sides, side), "label": side.name, "marker": "." if len(values) < 3 else None}
                over_epochs.plot(epochs, values, **style)
                over_seconds.plot(seconds, values, **style)
            finish(over_epochs, kind, "epoch", "validation loss")
            finish(over_seconds, "", "seconds of training", "")

    return drawn(draw, 2, len(kinds)) if kinds else None


def losses(side: Side) -> list[tuple[int, float, float]]:
    """Return epoch, seconds of training until then, and validation loss of each epoch of the main stage."""
    rows = [row for row in side.rows if "stage" not in row]
    spent = accumulate(row["seconds"] for row in rows if row["split"] == "train")
    seconds = dict(zip((row["epoch"] for row in rows if row["split"] == "train"), spent, strict=True))
    return [(row["epoch"], seconds[row["epoch"]], row["loss"]) for row in rows if row["split"] == "validation"]


def rate_distortion(sides: Sequence[Side]) -> bytes | None:
    """Return a PNG with a point a run, a panel a likelihood: test distortion over test rate; None without any."""
    able = [side for side in sides if {"rate", "distortion"} <= side.test.keys()]
    kinds = {side.pixels: [s for s in able if s.pixels == side.pixels] for side in able}

    def draw(figure: Figure) -> None:
        for axes, (kind, same) in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds.items(), strict=True):
            points(axes, sides, [(side, side.test["rate"], side.test["distortion"]) for side in same])
            finish(axes, kind, "rate, nats", "distortion, nats")

    return drawn(draw, len(kinds), 1) if kinds else None


def pareto(sides: Sequence[Side], lines: Sequence[Line]) -> bytes | None:
    """Return a PNG of quality over seconds of training, with a line through the runs that no other one beats in both.

    Quality is the Fréchet distance of samples, or else the test loss, of the most runs where it means the same; None
    where not even two share one.
    """
    shared = [
        [(side, n.value) for side, n in zip(sides, line.numbers, strict=True) if n and math.isfinite(n.value)]
        for line in lines
    ]
    for what in (SAMPLED, "test loss"):
        same = (found for line, found in zip(lines, shared, strict=True) if line.name == what)
        able = max(same, key=len, default=[])
        if len(able) > 1:
            break
    else:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        front = undominated([(side.run.training_seconds(), value) for side, value in able])
        axes.plot(*zip(*front, strict=True), color="0.7", zorder=0, drawstyle="steps-post")
        points(axes, sides, [(side, side.run.training_seconds(), value) for side, value in able])
        finish(axes, "", "seconds of training", what)

    return drawn(draw, 1, 1)


def undominated(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no other one is at or below in both coordinates, from left to right."""
    front: list[tuple[float, float]] = []
    for point in sorted(points):
        if not front or point[1] < front[-1][1]:
            front.append(point)
    return front


def points(axes: Axes, sides: Sequence[Side], where: Sequence[tuple[Side, float, float]]) -> None:
    """Draw a named point a run."""
    for side, x, y in where:
        axes.scatter([x], [y], color=color(sides, side), label=side.name, zorder=2)


def color(sides: Sequence[Side], side: Side) -> str:
    """Return a run's colour, the same in all pictures."""
    return f"C{list(sides).index(side) % 10}"


def finish(axes: Axes, title: str, x: str, y: str) -> None:
    """Name what is drawn."""
    axes.set(xlabel=x, ylabel=y)
    axes.set_title(title, fontsize=9)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)


def drawn(draw: Callable[[Figure], None], columns: int, rows: int) -> bytes:
    """Return a figure of so many panels as a PNG."""
    from matplotlib.figure import Figure  # here, because other verbs need not wait for it

    figure = Figure(figsize=(SIZE[0] * columns, SIZE[1] * rows), layout="constrained")
    draw(figure)
    return png(figure)
