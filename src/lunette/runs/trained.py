"""A trained model in one's hands: what every verb works with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from lunette.compute.coding import decode, device_of, encode
from lunette.compute.labels import labels_for
from lunette.errors import LunetteError
from lunette.images import Data, Dataset, Images, Label, read_with_names
from lunette.models import LatentModel
from lunette.recipes import Recipe
from lunette.runs.checkpoints import Loaded
from lunette.runs.concepts import Concepts
from lunette.runs.priors import Priors
from lunette.runs.settings import RunSettings

Codes = tuple[Tensor, ...]  # (N, D), a tensor a rung


class OfRun(Protocol):
    """What a trained model asks of its run."""

    path: Path
    settings: RunSettings
    priors: Priors
    concepts: Concepts

    @property
    def dataset(self) -> Dataset:
        """Its data."""

    @property
    def missing_data(self) -> str:
        """Why that cannot be read here; empty where it can."""

    def metrics(self) -> list[dict[str, Any]]:
        """Return the rows of its metrics."""
        ...

    def training_seconds(self) -> float:
        """Return how long its training took."""
        ...


class Trained:
    """The model of one checkpoint of a run, with the run's pictures and labels.

    Pictures are encoded once: their codes are kept for as long as they are. The run's own pictures are read when they
    are first asked for; those of a pack stay on the disk.
    """

    def __init__(self, run: OfRun, loaded: Loaded, recipe: Recipe) -> None:
        self.run = run
        self.name = loaded.name  # of the checkpoint
        self.sha256 = loaded.sha256  # of its weights
        self.state: Mapping[str, Any] = loaded.state  # where training was
        self.recipe = recipe
        self._codes: Any = WeakIdKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_codes"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _codes=WeakIdKeyDictionary())

    @property
    def model(self) -> LatentModel:
        """The model, on its device and in evaluation mode."""
        return self.recipe.model

    @property
    def device(self) -> torch.device:
        """The device where its weights are."""
        return device_of(self.model)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels that its pictures had; none where they had none."""
        return self.run.settings.label_names

    def pictures(self, source: Data | None = None, split: Literal["train", "validation", "test"] = "test") -> Images:
        """Return a user's pictures at the model's size, or a split of the run's own."""
        return self.named_pictures(source, split)[0]

    def named_pictures(
        self, source: Data | None = None, split: Literal["train", "validation", "test"] = "test"
    ) -> tuple[Images, tuple[str, ...]]:
        """Return the same, and the names of the files that they come from; none where they are no files."""
        if source is None:
            images: Images = getattr(self.run.dataset, split)
            return images, ()
        if isinstance(source, Images):
            source = replace(source)  # whose owner may change it, so that its codes are not kept
        return read_with_names(source, self.run.settings.shape, self.run.settings.data)

    def y(self, images: Images, label: Label | None = None) -> Tensor | None:
        """Return the labels (N,) that a conditional model is told of images, all `label` if that is given, else None.

        Raises LunetteError for a label that it does not know or is not told, and for images that have none.
        """
        return labels_for(self.model, images, self.label_names, label)

    def encode(self, images: Images, label: Label | None = None) -> Codes:
        """Return the posterior means (N, D) of the codes of images, a tensor a rung, on the processor; see `y`.

        They are kept with `images`, and are not to be changed.
        """
        known = self._codes.setdefault(images, {})
        if label not in known:
            rungs = encode(self.model, images.pixels, self.y(images, label))
            known[label] = tuple(rung.cpu().clone() for rung in rungs)  # ordinary tensors, as of no inference mode
        codes: Codes = known[label]
        return codes

    def decode(self, z: Tensor | NDArray[Any] | Sequence[Tensor], y: Tensor | None = None) -> NDArray[np.float32]:
        """Codes z (N, D), one tensor with all rungs side by side or a tensor a rung → images (N, C, H, W) in [0, 1].

        They are the means of p(x | z), and y (N,) the labels that a conditional model is told. Raises LunetteError for
        codes of another size, for numbers that are not finite, and for as many labels as there are not codes.
        """
        rungs = self.checked(z)
        if self.model.labels and (y is None or len(y) != len(rungs[0])):
            raise LunetteError(f"this model draws {len(rungs[0])} codes by their labels: give one for each")
        return decode(self.model, rungs, y)

    @cached_property
    def rungs(self) -> tuple[int, ...]:
        """The numbers of dimensions of its codes, one a rung, the top rung's first."""
        blank = torch.zeros(1, *self.run.settings.shape, dtype=torch.uint8)
        y = torch.zeros(1, dtype=torch.int64) if self.model.labels else None
        return tuple(rung.shape[1] for rung in encode(self.model, blank, y))

    def checked(self, z: Tensor | NDArray[Any] | Sequence[Tensor]) -> Codes:
        """Return codes as a tensor (N, D) a rung; raises LunetteError where they cannot be decoded."""
        several = (z,) if isinstance(z, Tensor | np.ndarray) else z
        given = [torch.as_tensor(rung, dtype=torch.float32) for rung in several]
        if len(given) == 1 and len(self.rungs) > 1 and given[0].shape[-1:] == (sum(self.rungs),):
            given = list(given[0].split(self.rungs, dim=-1))
        tables = 0 < len(given) <= len(self.rungs) and all(rung.dim() == 2 for rung in given)
        if not tables or any(
            rung.shape != (len(given[0]), size) for rung, size in zip(given, self.rungs, strict=False)
        ):
            wanted = " and ".join(f"(N, {size})" for size in self.rungs)
            raise LunetteError(f"codes of this model have the shape {wanted}, not {[tuple(r.shape) for r in given]}")
        if not all(rung.isfinite().all() for rung in given):
            raise LunetteError("some numbers of these codes are not finite")
        return tuple(given)
