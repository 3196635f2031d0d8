"""Concepts: directions in the space of codes that mean something, found from examples with and without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images import Data, Images, Label
from lunette.images.subset import of_label
from lunette.measures.ink import measure as measured
from lunette.names import quoted
from lunette.results.blocks import Block, facts
from lunette.results.result import Result
from lunette.runs import Codes, Concept, Trained, check_name, open_run
from lunette.signatures import Flag
from lunette.uses.verb import Checkpoint, LabelName, Measured, RunFolder, With, Without, verb

MOST = 20_000  # training pictures that are looked at: more hardly change a mean
LABEL = "label:"


@verb("concept add", "change")
def add_concept(
    run: RunFolder,
    name: Annotated[str, Flag("to keep it under", metavar="NAME")],
    *,
    with_: With = None,
    without: Without = None,
    measure: Measured = None,
    label: LabelName = None,
    checkpoint: Checkpoint = "last",
) -> Concept:
    """Keep a direction of a run's codes, found from examples, under a name.

    It is kept in place of the one called `name`; see `concept_of`.

    Example:
        lunette concept add runs/vae-faces-001 smile --with smiling/ --without serious/
    """
    check_name(name)
    opened = open_run(run)
    opened.concepts.check_writable()
    concept = concept_of(opened.trained(checkpoint), name, with_, without, measure, label)
    opened.concepts.save(concept)
    return replace(concept, run=opened.path)


class ConceptList(list[Concept], Result):
    """The concepts kept in the folder `run`."""

    run = Path()

    def sentence(self) -> str:
        """Return their names."""
        return f"concepts of {self.run}: {', '.join(concept.name for concept in self) or 'none'}"

    def blocks(self) -> Iterator[Block]:
        """Yield the facts of each, or how to make one."""
        if self:
            yield facts({concept.name: concept.facts() for concept in self})
            return
        example = f"lunette concept add {quoted(self.run)} NAME --with FOLDER --without FOLDER"
        yield f"{self.run} has no concepts yet: {example}"


@verb("concept list", "change")
def concepts(run: RunFolder) -> ConceptList:
    """List the concepts kept in a run, in the order of the alphabet.

    Example:
        lunette concept list runs/vae-faces-001
    """
    opened = open_run(run)
    found = ConceptList(opened.concepts.load(name) for name in opened.concepts.names())
    found.run = opened.path
    return found


def concept_of(
    trained: Trained,
    name: str = "",
    with_: Data | None = None,
    without: Data | None = None,
    measure: str | None = None,
    label: Label | None = None,
) -> Concept:
    """Return the concept that tells examples `with_` it from those `without`, of the codes of a checkpoint.

    Examples are "label:NAME" for the training pictures of that label, or a source of your own. With a `measure`
    they are the quarters of the training pictures of each label, in which it is largest and smallest. A model that
    is told labels takes the pictures' own, or `label`. Raises LunetteError for less or more than one of these, where
    there are no such pictures, and for a label of a model that is told it.
    """
    if measure is not None and with_ is None and without is None:
        sides = quarters(trained.pictures(split="train").take(slice(MOST)), measure)
        how = {"measure": measure}
    elif measure is None and with_ is not None and without is not None:
        if trained.model.labels and (label_in(with_) or label_in(without)):
            raise LunetteError(
                "this model is told labels, so its codes keep to the style, and no direction of them is a label: "
                "lunette edit --from label:NAME --to label:NAME draws pictures of one label as another"
            )
        sides = side(trained, with_), side(trained, without)
        how = {"with": words_for(with_), "without": words_for(without)}
    else:
        raise LunetteError(
            "a concept is made of examples with and without it (--with A/ --without B/, or --from label:3 "
            "--to label:8), or of what is measured (--measure slant): say one of these"
        )
    codes = [trained.encode(images, label) for images in sides]
    vector, labels = direction(*zip(codes, sides, strict=True))
    return Concept(
        name=name,
        how=how if label is None else how | {"label": str(label)},
        checkpoint=trained.name,
        checkpoint_sha256=trained.sha256,
        rungs=tuple(map(len, vector)),
        pictures=(len(sides[0]), len(sides[1])),
        labels=labels,
        vector=vector,
    )


def label_in(source: Data | None) -> str | None:
    """Return the NAME of "label:NAME", or None for another source of examples."""
    found = isinstance(source, str) and source.startswith(LABEL)
    return str(source).removeprefix(LABEL) if found else None


def words_for(source: Data) -> str:
    """Return what a concept's text says of a source of examples."""
    return str(source) if isinstance(source, str | Path) else f"{type(source).__name__} of pictures"


def side(trained: Trained, source: Data) -> Images:
    """Return the examples on one side of a concept, in the model's shape."""
    label = label_in(source)
    if label is None:
        return trained.pictures(source)
    return of_label(
        trained.pictures(split="train"), label, "give examples of your own, with --with and --without"
    ).take(slice(MOST))


def quarters(images: Images, measure: str) -> tuple[Images, Images]:
    """Return the pictures with most of a measure, and those with least: a quarter of each label's."""
    values = measured(measure, images.pixels)
    labels = torch.zeros(len(images)) if images.labels is None else images.labels
    most, least = [], []
    for label in labels.unique():
        index = (labels == label).nonzero()[:, 0]
        ranked, quarter = index[values[index].argsort()], len(index) // 4
        least.append(ranked[:quarter])
        most.append(ranked[len(ranked) - quarter :])
    if not sum(map(len, most)):
        raise LunetteError(f"{len(images)} training pictures are too few to find {measure} in: at least 4 of a label")
    return images.take(torch.cat(most)), images.take(torch.cat(least))


def direction(with_: tuple[Codes, Images], without: tuple[Codes, Images]) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
    """Return v, a tensor (D,) a rung, and the labels within which it was found, of examples with their codes.

    v = mean code of the examples with − mean code of those without. Where both have pictures of the same labels, it is
    the mean of that difference within each of these: then what labels differ in cancels, and is not changed by it.
    Raises LunetteError where the codes do not differ. Sources: Larsen, Sønderby, Larochelle, Winther, "Autoencoding
    beyond pixels using a learned similarity metric", ICML 2016; White, "Sampling Generative Networks", 2016.
    """
    (z, images), (others, other_images) = ((torch.cat(codes, 1).cpu(), images) for codes, images in (with_, without))
    means, other_means = means_by_label(z, images), means_by_label(others, other_images)
    labels = tuple(name for name in means if name in other_means)
    if labels:
        v = torch.stack([means[name] - other_means[name] for name in labels]).mean(0)
    else:
        v = z.mean(0) - others.mean(0)
    if not v.any():
        raise LunetteError("the examples with and without have the same mean code, so nothing tells them apart")
    return v.split([rung.shape[1] for rung in with_[0]]), labels


def means_by_label(z: Tensor, images: Images) -> dict[str, Tensor]:
    """Return the mean code (D,) of the pictures of each label, by its name; of none where they have no labels."""
    if images.labels is None:
        return {}
    return {images.label_names[label]: z[images.labels == label].mean(0) for label in images.labels.unique().tolist()}
