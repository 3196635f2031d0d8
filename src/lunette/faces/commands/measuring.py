"""Verbs that measure what was trained."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from lunette.faces.commands.shared import (
    Checkpoint,
    Kind,
    LabelName,
    Npz,
    Out,
    RunPath,
    Seed,
    check_place,
    ending,
    show,
)

GroupName = Literal["likelihood", "codes", "reconstruction", "samples", "representation"]


def evaluate(
    run: RunPath,
    groups: Annotated[tuple[GroupName, ...] | None, arg(help="what to measure; by default everything")] = None,
    pictures: Annotated[int | None, arg(help="measure on so many test pictures at most; by default all")] = None,
    samples: Annotated[int, arg(help="K of the importance bound")] = 500,
    prior: Annotated[Kind | None, arg(help="draw samples from this fitted prior")] = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
) -> None:
    """Measure a run: likelihood, codes, reconstructions, samples, representation; also for its report."""
    from lunette.faces import python
    from lunette.faces.tables import evaluation_table

    found = python.evaluate(
        run, groups, pictures=pictures, samples=samples, prior=prior, seed=seed, checkpoint=checkpoint
    )
    evaluation_table(found, groups or ())
    for name in ("evaluation.json", "report.html"):
        if found.kept and (run / name).is_file():
            print(f"written to {run / name}")


def compare(
    runs: Annotated[Positional[tuple[Path, ...]], arg(help="two run folders or more", metavar="RUN")],
    out: Annotated[Path, arg(aliases=["-o"], help="the page to write")] = Path("comparison.html"),
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
) -> None:
    """Put runs side by side: one table here, and one page with curves, reconstructions and samples."""
    from lunette.faces.tables import comparison_table
    from lunette.uses.comparison import compare

    comparison = compare(runs, seed=seed, checkpoint=checkpoint)
    comparison_table(comparison)
    print(comparison.save(out))


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
    all_pictures: Annotated[
        bool, arg(help="score all test pictures and all of --against, not 1,000 of each at most")
    ] = False,
    checkpoint: Checkpoint = "last",
    out: Out = None,
    csv: Annotated[Path | None, arg(help="write every picture's scores to this table")] = None,
    npz: Npz = None,
) -> None:
    """Find strange pictures: the strangest beside what comes back, and every one's scores and quantile with --csv."""
    check_place(run, out, npz)
    table = ending(csv, ".csv") if csv else None
    from lunette.faces import python

    given: dict[str, Any] = {"score": score, "against": against, "strange": strange, "label": label}
    how: dict[str, Any] = {"n": n, "samples": samples, "seed": seed, "all_pictures": all_pictures}
    found = python.anomalies(run, images, checkpoint=checkpoint, **given, **how)
    print(found.verdict())
    for name, (value, error) in found.auroc.items():
        print(f"AUROC of {name:14} {value:.4f}" + ("" if math.isnan(error) else f" ± {error:.4f}"))
    show(found, run, "anomalies", out, npz)
    if table:
        print(found.save(table))
