"""A run's numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

import torch

from lunette.errors import LunetteError, LunetteWarning, unknown
from lunette.files import check_writable
from lunette.images.subset import some
from lunette.measures.likelihood.bound import enough_memory
from lunette.results.evaluation import Evaluation, Group
from lunette.runs import REPORT, Run, open_run, write
from lunette.signatures import Flag
from lunette.uses.evaluate.codes import codes
from lunette.uses.evaluate.likelihood import likelihood
from lunette.uses.evaluate.reconstruction import reconstruction
from lunette.uses.evaluate.representation import representation
from lunette.uses.evaluate.samples import samples as sampling
from lunette.uses.evaluate.subject import EvaluationSettings, Subject
from lunette.uses.report.report import report
from lunette.uses.verb import Checkpoint, PriorKind, RunFolder, Seed, verb

Measure = Callable[[Subject], Group]
GroupName = Literal["likelihood", "codes", "reconstruction", "samples", "representation"]
GROUPS: dict[str, Measure] = {
    "likelihood": likelihood,
    "codes": codes,
    "reconstruction": reconstruction,
    "samples": sampling,
    "representation": representation,
}


@verb("evaluate", "measure")
def evaluate(
    run: RunFolder,
    groups: Annotated[
        str | Sequence[str] | None, Flag("what to measure; by default everything", tuple[GroupName, ...] | None)
    ] = None,
    *,
    pictures: Annotated[int | None, "measure on so many test pictures at most; by default all"] = None,
    samples: Annotated[int, "K of the importance bound"] = 500,
    prior: Annotated[PriorKind | None, "draw samples from this fitted prior"] = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
) -> Evaluation:
    """Measure a run on test pictures; the numbers are kept in its folder, and go into its report.

    Groups are likelihood, codes, reconstruction, samples and representation; by default all. What a model cannot be
    asked for is a note in its group, but an error where the group was asked for by name. `samples` is K of the
    importance bound; new pictures are drawn from the model's prior, or the fitted `prior` of that kind. Groups that
    were measured before of the same checkpoint stay.

    Raises:
        LunetteError: for an unknown group.

    Example:
        lunette evaluate runs/vae-mnist-001 --groups likelihood codes
    """
    groups = (groups,) if isinstance(groups, str) else groups
    for name in groups or ():
        if name not in GROUPS:
            raise unknown("group", name, GROUPS)
    settings = EvaluationSettings(pictures, samples, prior, seed)
    opened = open_run(run)
    trained = opened.trained(checkpoint)
    test = trained.pictures()
    subject = Subject(trained, test if pictures is None else some(test, pictures), settings)
    before = earlier(opened, subject)
    known = Evaluation(trained.name, trained.sha256, str(subject.data.facts["sha256"]), before, kept=may_keep(opened))
    for name in groups or GROUPS:
        found = {**known.groups, name: measured(name, subject, by_name=bool(groups))}
        known = replace(known, groups={each: found[each] for each in GROUPS if each in found})
        if known.kept:
            known.save(opened.path)  # a stop later on loses none of it
            for title, picture in found[name].pictures.items():
                picture.save(opened.pictures / found[name].drawn[title])
    if known.kept and opened.is_finished:  # another gets its report at its end
        write(opened.path / REPORT, report(opened, trained.model))
    return replace(known, run=opened.path, asked=tuple(groups or ()))


def may_keep(run: Run) -> bool:
    """Return whether numbers can be kept in a run's folder; a warning says so where not."""
    try:
        check_writable(run.path, "the numbers are shown here alone")
    except LunetteError as error:
        warnings.warn(str(error), LunetteWarning, stacklevel=3)
        return False
    return True


def measured(name: str, subject: Subject, by_name: bool) -> Group:
    """Return one group; where it cannot be measured, and was not asked for by name, with the reason."""
    settings: Mapping[str, Any] = asdict(subject.settings) | {"pictures": len(subject.test)}
    try:
        with torch.random.fork_rng(), enough_memory(f"the group {name}", "ask for fewer --pictures"):
            group = GROUPS[name](subject)
        drawn = {title: f"{name}-{title.lower().replace(' ', '-')}.png" for title in group.pictures}
        return replace(group, settings=settings, drawn=drawn)
    except LunetteError as error:
        if by_name:
            raise
        return Group(notes=(f"not measured: {error}",), settings=settings)


def earlier(run: Run, subject: Subject) -> Mapping[str, Group]:
    """Return the groups that were measured before of the same checkpoint with the same data."""
    before = Evaluation.load(run.path)
    same = (subject.trained.sha256, str(subject.data.facts["sha256"]))
    return before.groups if before and (before.checkpoint_sha256, before.data_sha256) == same else {}
