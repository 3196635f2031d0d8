"""Which pictures are strange to a model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lunette.compute import to_float
from lunette.compute.coding import decode, encode
from lunette.errors import LunetteError, LunetteWarning, unknown
from lunette.images import Data, Images, Label, Pixels, index_of
from lunette.images.subset import at_most
from lunette.measures.detection import quantiles
from lunette.measures.likelihood.anomaly_scores import SCORES, Score, anomaly_scores, refusals
from lunette.models import LatentModel
from lunette.randomness import stream
from lunette.recipes import Ability, describe
from lunette.runs import Trained, open_run
from lunette.runs.stand_ins import warn_of_missing
from lunette.signatures import Flag
from lunette.uses.anomalies.found import Anomalies
from lunette.uses.verb import Checkpoint, GivenImages, LabelName, RunFolder, Seed, verb

MOST = 1_000  # pictures of a set that nobody asked to see each of: their AUROC has an error of a hundredth


@verb("anomalies", "measure", out="picture", table=True)
def anomalies(
    run: RunFolder,
    images: GivenImages = None,
    *,
    score: Annotated[
        Score | None,
        "what orders them; by default complexity, or reconstruction where the likelihood is no density",
    ] = None,
    against: Annotated[
        Data | None, Flag("a source of pictures that are known to be strange, to be told apart", str | None)
    ] = None,
    strange: Annotated[
        Sequence[Label], Flag("labels of the pictures that are known to be strange", tuple[str, ...])
    ] = (),
    n: Annotated[int, "pictures to show"] = 32,
    label: LabelName = None,
    samples: Annotated[int, "draws of each picture's code, for all but reconstruction"] = 16,
    seed: Seed = 0,
    all_pictures: Annotated[bool, "score all test pictures and all of --against, not 1,000 of each at most"] = False,
    checkpoint: Checkpoint = "last",
) -> Anomalies:
    """Find unusual pictures: every score that the model gives, and the most unusual ones.

    `score` orders them: reconstruction, elbo, bound or complexity (see `anomaly_scores`); by default complexity where
    the model's likelihood is a density of pictures, else reconstruction. Quantiles are by the run's validation
    pictures, or by its test pictures where there are none. What is known to be strange says how well each score tells:
    all of `against`, which come after `images`, and those labelled with one of `strange`. Of the held-out pictures, of
    `against`, and of the test pictures unless some are `strange`, at most 1,000 are taken, or `all_pictures`. Of a
    model that is told labels, scores are given those of the pictures, or `label`.

    Raises:
        LunetteError: for a score that the model does not give, and where all pictures are strange, or none.

    Example:
        lunette anomalies runs/vae-mnist-001 my-photos/ --csv scores.csv
    """
    if n < 1 or samples < 1:
        raise LunetteError(f"n and samples must be at least 1, not {n} and {samples}")
    trained, most = open_run(run).trained(checkpoint), None if all_pictures else MOST
    model = trained.model
    split, held_out = held_out_of(trained, images)
    held_out, _ = at_most(held_out, most, f"{split} pictures, which quantiles are by,")
    sets, files, numbers = asked_for(trained, images, against, None if strange else most, most)
    truth = known_strange(sets, strange)
    pixels, ys = together([each.pixels for each in sets]), [trained.y(each, label) for each in sets]
    y = None if ys[0] is None else torch.cat([each for each in ys if each is not None])
    y_held_out = trained.y(held_out) if len(held_out) else None
    with torch.random.fork_rng():
        refused = refusals(model, *((held_out.pixels, y_held_out) if len(held_out) else (pixels, y)))
        score = chosen(score, trained.run.path, describe(trained.recipe).density, refused)
        names = [name for name in SCORES if name not in refused]
        normal, found = (
            anomaly_scores(model, each, labels, names, samples, stream(seed, what), f"scoring {what} pictures")
            for what, each, labels in ((split, held_out.pixels, y_held_out), ("the", pixels, y))
        )
    first = torch.from_numpy(np.argsort(-found[score], kind="stable")[:n])
    return Anomalies(
        by_name=found,
        score=score,
        quantiles=quantiles(found[score], normal[score]),
        held_out=f"{len(held_out):,} {split} pictures",
        held_out_pictures=len(held_out),
        known=known_columns(sets, files),
        strange=truth,
        numbers=numbers,
        strangest=pairs(model, pixels[first], None if y is None else y[first]),
    )


def asked_for(
    trained: Trained, images: Data | None, against: Data | None, most_test: int | None, most_against: int | None
) -> tuple[list[Images], list[Sequence[str]], NDArray[np.int64]]:
    """Return the sets that are scored, the names of their files, and the numbers of all pictures.

    These are `images`, or so many test pictures at most, and so many of `against`.
    """
    asked = list[tuple[Images, Sequence[str], int | None, str]]()
    if images is None:
        asked.append((*trained.named_pictures(), most_test, "test pictures"))
    for source, most, what in ((images, None, ""), (against, most_against, "pictures that are known to be strange")):
        if source is not None:
            asked.append((*trained.named_pictures(source), most, what))
    sets, files, numbers, before = list[Images](), list[Sequence[str]](), list[Tensor](), 0
    for whole, names, most, what in asked:
        taken, index = at_most(whole, most, what)
        sets.append(taken)
        files.append([names[i] for i in index.tolist()] if names else ())
        numbers.append(before + index)
        before += len(whole)
    return sets, files, torch.cat(numbers).numpy()


def held_out_of(trained: Trained, images: Data | None) -> tuple[str, Images]:
    """Return the name of the split that quantiles are by, and its images: none where the run's data is not here.

    Raises LunetteError where there are no `images` either.
    """
    run = trained.run
    if images is not None and run.missing_data:
        warn_of_missing(run, "there are scores, and no quantiles")
        return "validation", Images(torch.empty(0, *run.settings.shape, dtype=torch.uint8))
    data = run.dataset
    return ("validation", data.validation) if len(data.validation) else ("test", data.test)


def chosen(score: Score | None, run: Path, density: Ability, refused: Mapping[Score, str]) -> Score:
    """Return the score to order by; warn where it is no probability; raise LunetteError where the model has none."""
    if score is None:
        return "complexity" if density and "complexity" not in refused else "reconstruction"
    if score not in SCORES:
        raise unknown("score", score, SCORES)
    if score in refused:
        raise LunetteError(f"{run} gives no score {score}: {refused[score]}; reconstruction is a score of every run")
    if score != "reconstruction" and not density:
        text = f"the {score} score of {run} orders pictures, but is no probability of them: "
        warnings.warn(text + density.why_not, LunetteWarning, stacklevel=3)
    return score


def known_strange(sets: Sequence[Images], labels: Sequence[Label]) -> NDArray[np.bool_] | None:
    """Return which pictures are known to be strange (N,): those of `labels` in the first set, and all in a second."""
    images, *others = sets
    if not labels and not others:
        return None
    if labels and images.labels is None:
        raise LunetteError("which pictures are strange is to be told by labels, and these pictures have none")
    asked = [index_of(label, images.label_names) for label in labels]
    own = np.isin(np.zeros(len(images)) if images.labels is None else images.labels.numpy(), asked)
    strange = np.concatenate([own, *(np.ones(len(each), bool) for each in others)])
    if strange.all() or not strange.any():
        raise LunetteError(f"{'all' if strange.all() else 'none'} of the pictures are strange: give some of both kinds")
    return strange


def known_columns(sets: Sequence[Images], files: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Return the names of all pictures' files, and their labels, where any has one; of those that have none, ""."""
    names = [name for each, own in zip(sets, files, strict=True) for name in own or [""] * len(each)]
    labels = [
        label
        for each in sets
        for label in ([""] * len(each) if each.labels is None else np.array(each.label_names)[each.labels].tolist())
    ]
    return {key: column for key, column in (("name", names), ("label", labels)) if any(column)}


def together(parts: Sequence[Pixels]) -> Pixels:
    """Return the pixels of several sets as one; those of a single pack stay on the disk."""
    return parts[0] if len(parts) == 1 else torch.cat([part[:] for part in parts])


def pairs(model: LatentModel, pixels: Tensor, y: Tensor | None) -> NDArray[np.float32]:
    """Return images (n, C, H, W) and what the model draws of each, (n, 2, C, H, W) in [0, 1]."""
    return np.stack([to_float(pixels).numpy(), decode(model, encode(model, pixels, y), y)], axis=1)
