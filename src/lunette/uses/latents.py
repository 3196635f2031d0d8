"""The codes of pictures, as an array and as a scatter plot."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from lunette.images import Data, Images, read_pictures
from lunette.models import LatentModel
from lunette.uses.axes import principal_axes
from lunette.uses.passes import AnyRun, encode, open_run
from lunette.uses.shown import Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 5000  # more points than this only cover one another
FEW = 1000  # fewer points are drawn larger
LEGEND = 20  # more labels than this are not named


@dataclass(frozen=True, repr=False)
class Codes(Shown):
    """Posterior means (N, D) of pictures, with their labels where they have some; several rungs are side by side."""

    codes: NDArray[np.float32]
    labels: NDArray[np.int64] | None
    label_names: tuple[str, ...]
    rungs: tuple[int, ...]  # dimensions of each rung, the top one's first; they add up to D

    def __repr__(self) -> str:
        return f"Codes({self.codes.shape[0]} pictures, {self.codes.shape[1]} dimensions)"

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return codes, the dimensions of each of several rungs, and labels with their names."""
        labels = {} if self.labels is None else {"labels": self.labels, "label_names": np.array(self.label_names)}
        rungs = {"rungs": np.array(self.rungs)} if len(self.rungs) > 1 else {}
        return {"codes": self.codes, **rungs, **labels}

    def picture(self) -> Image.Image:
        """Return the scatter plot of the top rung: of its two dimensions, or its first two principal axes."""
        data = io.BytesIO()
        self._figure().savefig(data, dpi=120)
        return Image.open(data).convert("RGB")

    def _figure(self) -> Figure:
        from matplotlib.figure import Figure  # here, so that training need not wait for it

        codes = self.codes[:SHOWN, : self.rungs[0]]
        figure = Figure(figsize=(6.4, 5.6), layout="constrained")
        axes = figure.subplots()
        if codes.shape[1] == 2:
            points, names = codes, ("z₀", "z₁")
        else:
            mean, directions = principal_axes(torch.from_numpy(codes))
            units = directions / directions.norm(dim=1, keepdim=True).clamp_min(1e-12)
            points = ((torch.from_numpy(codes) - mean) @ units.T).numpy()
            names = ("first principal axis of z", "second principal axis of z")
        if points.shape[1] == 1:
            points = np.concatenate([points, np.zeros_like(points)], axis=1)
        labels = np.zeros(len(codes), int) if self.labels is None else self.labels[:SHOWN]
        for label in np.unique(labels):
            x, y = points[labels == label, :2].T
            name = None if self.labels is None else self.label_names[label]
            axes.scatter(x, y, s=5 if len(codes) > FEW else 25, linewidths=0, color=f"C{label % 10}", label=name)
        if self.labels is not None and len(self.label_names) <= LEGEND:
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=3, frameon=False)
        axes.set(xlabel=names[0], ylabel=names[1], aspect="equal")
        return figure


def latents(run: AnyRun, images: Data | None = None, *, checkpoint: str = "last") -> Codes:
    """Return the codes of the test pictures, or of `images`, which are brought to the model's size."""
    opened = open_run(run)
    model = opened.model(checkpoint)
    if images is None:
        return latents_model(model, opened.dataset.test)
    return latents_model(model, read_pictures(images, opened.settings.shape, opened.settings.data.fit))


def latents_model(model: LatentModel, images: Images) -> Codes:
    """Do what `latents` does, with a model at hand."""
    rungs = encode(model, images.pixels)
    codes = torch.cat(rungs, dim=1).cpu().numpy()
    labels = None if images.labels is None else images.labels.numpy()
    return Codes(codes, labels, images.label_names, tuple(rung.shape[1] for rung in rungs))
