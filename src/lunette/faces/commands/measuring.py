"""Verbs that measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from lunette.faces.commands.shared import Checkpoint, LabelName, Npz, Out, RunPath, Seed, show

RARE = 0.99


def anomalies(
    run: RunPath,
    images: Annotated[
        Positional[str | None], arg(help="a picture, or any source of them; by default test pictures", metavar="IMAGES")
    ] = None,
    score: Annotated[
        Literal["reconstruction", "elbo", "bound", "complexity"] | None,
        arg(help="what orders them; by default complexity, or reconstruction where the likelihood is no density"),
    ] = None,
    against: Annotated[
        str | None, arg(help="a source of pictures that are known to be strange, to be told apart")
    ] = None,
    strange: Annotated[tuple[str, ...], arg(help="labels of the pictures that are known to be strange")] = (),
    n: Annotated[int, arg(help="pictures to show")] = 32,
    label: LabelName = None,
    samples: Annotated[int, arg(help="draws of each picture's code, for all but reconstruction")] = 16,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    out: Out = None,
    csv: Annotated[Path | None, arg(help="write every picture's scores to this table")] = None,
    npz: Npz = None,
) -> None:
    """Find strange pictures: the strangest beside what comes back, and every one's scores and quantile with --csv."""
    from lunette.faces import python

    given: dict[str, Any] = {"score": score, "against": against, "strange": strange, "label": label}
    found = python.anomalies(run, images, n=n, samples=samples, seed=seed, checkpoint=checkpoint, **given)
    rare = int((found.quantiles > RARE).sum())
    print(f"{len(found.scores):,} pictures by {found.score}: {rare:,} above the 99 % quantile of {found.held_out}")
    for name, (value, error) in found.auroc.items():
        print(f"AUROC of {name:14} {value:.4f} ± {error:.4f}")
    show(found, run, "anomalies", out, npz)
    if csv:
        print(found.save(csv if csv.suffix == ".csv" else Path(f"{csv}.csv")))
