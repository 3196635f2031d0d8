"""The codes of pictures, as an array and as a scatter plot."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lunette.compute import ALONE, PATIENCE, ProcessGroup, are_to_launch, in_batches, joined
from lunette.compute.coding import encode
from lunette.errors import LunetteError
from lunette.images import Data, Images, Label, read, to_archive
from lunette.models import LatentModel
from lunette.results import figures
from lunette.results.result import Pictured
from lunette.runs import Run, open_run
from lunette.uses.draw.axes import principal_axes
from lunette.uses.verb import Checkpoint, LabelName, OwnImages, Processes, RunFolder, verb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 5000  # more points than this only cover one another
FEW = 1000  # fewer points are drawn larger
LEGEND = 20  # more labels than this are not named


@dataclass(frozen=True, repr=False)
class Codes(Pictured):
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
        return figures.picture(self._figure())

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


@verb("latents", "draw", out="picture")
def latents(
    run: RunFolder,
    images: OwnImages = None,
    *,
    label: LabelName = None,
    checkpoint: Checkpoint = "last",
    processes: Processes = None,
) -> Codes:
    """Plot the codes of pictures, the test pictures or your own.

    Pictures are brought to the model's size. A model that is told labels takes the pictures' own, or `label`. With
    `processes` so many are launched here, which share the pictures. Where torchrun launched this, process 0 returns all
    codes, and the others return those of their share.

    Raises:
        LunetteError: for fewer pictures than processes, and where one is lost.

    Example:
        lunette latents runs/vae-mnist-001 --npz codes.npz
    """
    opened = open_run(run)
    if are_to_launch(processes):
        return _launched(opened, images, label, checkpoint, processes)
    trained = opened.trained(checkpoint)
    with joined(trained.device, processes, PATIENCE) as group:
        shown = trained.pictures(images)
        return latents_model(trained.model, shown, trained.y(shown, label), group)


def latents_model(model: LatentModel, images: Images, y: Tensor | None, group: ProcessGroup = ALONE) -> Codes:
    """Do what `latents` does, with a model at hand, which is told labels y (N,) if it is told any."""
    if len(images) < group.size:
        raise LunetteError(f"{group.size} processes cannot share {len(images)} pictures: ask for fewer")
    batches = in_batches(len(images), images.shape)
    own = batches[group.share(len(batches))]  # whole ones, so that no sum depends on the number of processes
    place = slice(own[0].start, own[-1].stop) if own else slice(0)
    mine = images.take(place)
    rungs = encode(model, mine.pixels, None if y is None else y[place])
    codes = np.concatenate(group.gather(torch.cat(rungs, dim=1).cpu().numpy()))
    labels = (images if group.leads else mine).labels
    sizes = tuple(rung.shape[1] for rung in rungs)
    return Codes(codes, None if labels is None else labels.numpy(), images.label_names, sizes)


def _launched(run: Run, images: Data | None, label: Label | None, checkpoint: str, processes: int) -> Codes:
    """Let several processes do it, and read what they wrote."""
    from lunette.compute.launch import launch  # here, because one process need not wait for this import

    checkpoint = run.checkpoints.load(checkpoint).name  # the same for all of them, also where training goes on
    with tempfile.TemporaryDirectory() as folder:
        out, archive = Path(folder) / "codes.npz", Path(folder) / "images.npz"
        if images is not None and not isinstance(images, str | Path):
            archive.write_bytes(to_archive(read(images).train))
            images = archive
        own = [f"--{name}={value}" for name, value in (("images", images), ("label", label)) if value is not None]
        launch(("latents", str(run.path), f"--checkpoint={checkpoint}", f"--out={out}", *own), processes)
        with np.load(out) as arrays:
            codes = arrays["codes"]
            labels, names = (arrays["labels"], arrays["label_names"].tolist()) if "labels" in arrays else (None, ())
            rungs = arrays["rungs"].tolist() if "rungs" in arrays else codes.shape[1:]
            return Codes(codes, labels, tuple(names), tuple(rungs))
