"""A run at a glance, for a notebook: thumbnails, the learning curve, numbers and a link to its report."""

from __future__ import annotations

from html import escape
from pathlib import Path

from lunette.results.result import address
from lunette.runs.trained import OfRun

THUMBNAILS = ("reconstructions", "samples", "curves")
HEIGHT = 180  # pixels


def sentence(run: OfRun) -> str:
    """Return what was trained on what for how long, and how it ended."""
    settings = run.settings
    what = f"{settings.recipe} on {Path(settings.source).name}"
    rows = [row for row in run.metrics() if "stage" not in row]
    if not rows:
        return f"{what}, not trained yet"
    last, planned = rows[-1], settings.training.epochs
    ended = f"test loss {last['loss']:.2f}" if last["split"] == "test" else f"of {planned}, not finished"
    epochs = f"{last['epoch']} epoch{'s' if last['epoch'] != 1 else ''}"
    return f"{what}: {epochs}, {ended}"


def latest(run: OfRun, name: str) -> Path | None:
    """Return the newest picture called `name`, or None where there is none."""
    found = sorted((run.path / "pictures").glob(f"{name}-[0-9]*.png")) or [run.path / "pictures" / f"{name}.png"]
    return found[-1] if found[-1].is_file() else None


def card(run: OfRun, report: str) -> str:
    """Return the card as HTML; `report` is the name of the report's file."""
    pictures = [(name, path) for name in THUMBNAILS if (path := latest(run, name))]
    shown = "".join(
        f'<figure style="display:inline-block;margin:0 12px 0 0"><img alt="{name}" height="{HEIGHT}" '
        f'src="{address(path.read_bytes())}"><figcaption>{name}</figcaption></figure>'
        for name, path in pictures
    )
    place = run.path / report
    link = f'<a href="{escape(place.as_posix())}">report</a>' if place.is_file() else "no report yet"
    return f"<h4>{escape(sentence(run))}</h4>{shown}<p><code>{escape(str(run.path))}</code> · {link}</p>"
