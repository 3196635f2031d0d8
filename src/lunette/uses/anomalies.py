"""Which pictures are strange to a model."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from lunette.errors import LunetteError, LunetteWarning, unknown
from lunette.files import write_anew
from lunette.images import Data, Images, Label, Pixels, index_of, read_with_names
from lunette.models import LatentModel
from lunette.progress import Watch, unwatched
from lunette.randomness import stream
from lunette.recipes import YES, describe
from lunette.runs import Run
from lunette.training import to_float
from lunette.uses.anomaly_scores import SCORES, Score, anomaly_scores, refusals
from lunette.uses.detection import Auroc, auroc, quantiles
from lunette.uses.labels import labels_for
from lunette.uses.passes import AnyRun, decode, encode, open_run
from lunette.uses.sheet import Sheet
from lunette.uses.shown import Shown

PAIRS_A_ROW = 4
RARE = 0.99  # the quantile above which a picture is called strange
CAPTION = 14  # pixels below a pair


@dataclass(frozen=True, repr=False)
class Anomalies(Shown):
    """How strange N pictures are: shown are the strangest, each with its number and its quantile, and what comes back.

    A quantile is the share of held-out pictures that are less strange; of pictures like those, one in a hundred is
    above 0.99. `save` writes it as a table, too, to a .csv.
    """

    by_name: Mapping[str, NDArray[np.float64]]  # every score that the model gives, (N,) each; higher is stranger
    score: Score  # what orders them
    quantiles: NDArray[np.float64]  # (N,), of that score
    held_out: str  # which pictures the quantiles are by
    held_out_pictures: int  # how many these are
    known: Mapping[str, Sequence[str]]  # the name of each picture's file, and its label, where there are any
    strange: NDArray[np.bool_] | None  # (N,), where it is known
    strangest: NDArray[np.float32]  # (n, 2, C, H, W): the first ones in order, and what the model draws of each

    def __repr__(self) -> str:
        found = f"Anomalies({len(self.scores)} pictures by {self.score}, quantiles by {self.held_out}"
        return found + (f", auroc={self.auroc[self.score].value:.3f})" if self.auroc else ")")

    @property
    def scores(self) -> NDArray[np.float64]:
        """The score (N,) that orders them."""
        return self.by_name[self.score]

    @property
    def order(self) -> NDArray[np.intp]:
        """The numbers (N,) of the pictures, the strangest one's first."""
        return np.argsort(-self.scores, kind="stable")

    def verdict(self) -> str:
        """Return in words how many pictures are strange, where so many were held out that this can be said."""
        pictures, quantile = f"{len(self.scores):,} pictures by {self.score}", f"{100 * RARE:.0f} % quantile"
        if not self.held_out_pictures:
            return pictures
        if 1 / (self.held_out_pictures + 1) > 1 - RARE:
            return f"{pictures}, in their order: {self.held_out} are too few for a {quantile}"
        return f"{pictures}: {int((self.quantiles > RARE).sum()):,} above the {quantile} of {self.held_out}"

    @cached_property
    def auroc(self) -> dict[str, Auroc]:
        """How well each score tells those that are known to be strange from the others; empty where none is known."""
        return {} if self.strange is None else {name: auroc(s, self.strange) for name, s in self.by_name.items()}

    def csv(self) -> str:
        """Return the table of all pictures, in their own order."""
        truth = {} if self.strange is None else {"strange": self.strange.astype(int)}
        columns: dict[str, Any] = {**self.known, **truth, **self.by_name, "quantile": self.quantiles}
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["number", *columns])
        table.writerows(zip(range(len(self.scores)), *(np.asarray(c).tolist() for c in columns.values()), strict=True))
        return text.getvalue()

    def save(self, path: str | Path) -> Path:
        """Do what every result's does, and write the table to a .csv."""
        if Path(path).suffix.lower() != ".csv":
            return super().save(path)
        write_anew(Path(path), self.csv())
        return Path(path)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every score, the quantiles, the truth where it is known, the order, and the pairs that are shown."""
        truth = {} if self.strange is None else {"strange": self.strange}
        return {**self.by_name, "quantiles": self.quantiles, **truth, "order": self.order, "images": self.strangest}

    def picture(self) -> Image.Image:
        """Return the pairs row by row, strangest first; below each are the picture's number and its quantile."""
        pairs = [Sheet(pair, columns=2).picture() for pair in self.strangest]
        width, height = pairs[0].width, pairs[0].height + CAPTION
        rows = -(-len(pairs) // PAIRS_A_ROW)
        canvas = Image.new(pairs[0].mode, (PAIRS_A_ROW * width, rows * height), "white")
        draw = ImageDraw.Draw(canvas)
        for i, (pair, number) in enumerate(zip(pairs, self.order, strict=False)):
            left, top = i % PAIRS_A_ROW * width, i // PAIRS_A_ROW * height
            canvas.paste(pair, (left, top))
            draw.text((left + 4, top + pair.height), f"#{number}: {self.quantiles[number]:.4f}", fill="black")
        return canvas


def anomalies(
    run: AnyRun,
    images: Data | None = None,
    *,
    score: Score | None = None,
    against: Data | None = None,
    strange: Sequence[Label] = (),
    n: int = 32,
    label: Label | None = None,
    samples: int = 16,
    seed: int = 0,
    checkpoint: str = "last",
    watch: Watch = unwatched,
) -> Anomalies:
    """Say how strange the test pictures are, or `images`, by every score of the model, and show the n strangest.

    `score` orders them: reconstruction, elbo, bound or complexity (see `anomaly_scores`); by default complexity where
    the model's likelihood is a density of pictures, else reconstruction. Quantiles are by the run's validation
    pictures, or by its test pictures where there are none. What is known to be strange says how well each score tells:
    all of `against`, which come after `images`, and those labelled with one of `strange`. Of a model that is told
    labels, scores are given those of the pictures, or `label`. `watch` is called with each Progress. Raises
    LunetteError for a score that the model does not give, and where all pictures are strange, or none.
    """
    if n < 1 or samples < 1:
        raise LunetteError(f"n and samples must be at least 1, not {n} and {samples}")
    opened = open_run(run)
    recipe, settings = opened.trained(checkpoint).recipe, opened.settings
    model, (split, held_out) = recipe.model, held_out_of(opened, images)
    asked = [each for each in (images, against) if each is not None]
    read = [read_with_names(each, settings.shape, settings.data) for each in asked]
    sets, files = zip(*([(opened.dataset.test, ()), *read] if images is None else read), strict=True)
    truth = known_strange(sets, strange)
    told = [labels_for(model, each, settings.label_names, label) for each in sets]
    pixels = together([each.pixels for each in sets])
    y = None if told[0] is None else torch.cat([each for each in told if each is not None])
    told_held_out = labels_for(model, held_out, settings.label_names) if len(held_out) else None
    with torch.random.fork_rng():
        refused = refusals(model, *((held_out.pixels, told_held_out) if len(held_out) else (pixels, y)))
        score = chosen(score, opened.path, describe(recipe).density, refused)
        names = [name for name in SCORES if name not in refused]
        normal, found = (
            anomaly_scores(model, each, labels, names, samples, stream(seed, what), watch, f"scoring {what} pictures")
            for what, each, labels in ((split, held_out.pixels, told_held_out), ("the", pixels, y))
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
        strangest=pairs(model, pixels[first], None if y is None else y[first]),
    )


def held_out_of(run: Run, images: Data | None) -> tuple[str, Images]:
    """Return the name of the split that quantiles are by, and its images: none where the run's data is not here.

    Raises LunetteError where there are no `images` either.
    """
    if images is not None and not run.has_data:
        words = f"the data of {run.path} is not on this machine: there are scores, and no quantiles"
        warnings.warn(words, LunetteWarning, stacklevel=3)
        return "validation", Images(torch.empty(0, *run.settings.shape, dtype=torch.uint8))
    data = run.dataset
    return ("validation", data.validation) if len(data.validation) else ("test", data.test)


def chosen(score: Score | None, run: Path, density: str, refused: Mapping[Score, str]) -> Score:
    """Return the score to order by; warn where it is no probability; raise LunetteError where the model has none."""
    if score is None:
        return "complexity" if density == YES and "complexity" not in refused else "reconstruction"
    if score not in SCORES:
        raise unknown("score", score, SCORES)
    if score in refused:
        raise LunetteError(f"{run} gives no score {score}: {refused[score]}; reconstruction is a score of every run")
    if score != "reconstruction" and density != YES:
        text = f"the {score} score of {run} orders pictures, but is no probability of them: "
        warnings.warn(text + density.removeprefix("no: "), LunetteWarning, stacklevel=3)
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
