"""Verbs that measure what was trained."""

from __future__ import annotations

from typing import Annotated, Literal

from tyro.conf import arg

from lunette.faces.commands.shared import Checkpoint, Kind, RunPath, Seed

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
    evaluation_table(found)
    print(f"written to {run / 'evaluation.json'} and {run / 'report.html'}")
