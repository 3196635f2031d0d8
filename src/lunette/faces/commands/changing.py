"""Verbs that change pictures."""

from __future__ import annotations

from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

from lunette.faces.commands.shared import Checkpoint, LabelName, Npz, Out, OwnImages, RunPath, show

With = Annotated[
    str | None,
    arg(name="with", aliases=["--to"], help="examples that have it: label:NAME, or any source of pictures"),
]
Without = Annotated[str | None, arg(aliases=["--from"], help="examples that lack it")]
Measured = Annotated[
    Literal["slant", "thickness"] | None,
    arg(help="from the training pictures of each label in which this is largest and smallest"),
]


def edit(
    run: RunPath,
    images: OwnImages = None,
    concept: Annotated[
        UseAppendAction[tuple[str, ...]], arg(help="of the run's own; NAME:WEIGHT for less, and several for their sum")
    ] = (),
    with_: With = None,
    without: Without = None,
    measure: Measured = None,
    dimension: Annotated[
        tuple[int, ...] | None,
        arg(help="of the code, 0 with the largest rate; several are a row each, and no number the first 10"),
    ] = None,
    n: Annotated[int, arg(help="pictures to show")] = 8,
    strength: Annotated[float, arg(help="of the last column; the first is as much the other way")] = 1.5,
    steps: Annotated[int, arg(help="columns, beside the original")] = 7,
    label: LabelName = None,
    drift: Annotated[bool, arg(help="measure what else changes, on up to 500 pictures")] = True,
    checkpoint: Checkpoint = "last",
    out: Out = None,
    npz: Npz = None,
) -> None:
    """Change pictures along a concept, from examples or of the run, or along a dimension; --out walk.gif moves."""
    from lunette.faces import python
    from lunette.faces.tables import strip_table

    strip = python.edit(
        run,
        images,
        concept=concept or None,
        with_=with_,
        without=without,
        measure=measure,
        dimension=dimension,
        n=n,
        strength=strength,
        steps=steps,
        label=label,
        drift=drift,
        checkpoint=checkpoint,
    )
    strip_table(strip)
    show(strip, run, "edit", out, npz)


def concept_add(
    run: RunPath,
    name: Annotated[Positional[str], arg(help="to keep it under", metavar="NAME")],
    with_: With = None,
    without: Without = None,
    measure: Measured = None,
    label: LabelName = None,
    checkpoint: Checkpoint = "last",
) -> None:
    """Keep a direction of a run's codes under a name: lunette concept add RUN smile --with A/ --without B/."""
    from lunette.faces import python
    from lunette.faces.tables import concept_table

    concept_table(
        [
            python.add_concept(
                run, name, with_=with_, without=without, measure=measure, label=label, checkpoint=checkpoint
            )
        ]
    )
    print(f"edit along it with lunette edit {run} --concept {name}")


def concept_list(run: RunPath) -> None:
    """List the concepts of a run: lunette concept list RUN."""
    from lunette.faces.tables import concept_table
    from lunette.uses.concepts import concepts

    concept_table(concepts(run))
