"""What every group of an evaluation is handed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images import Dataset, Images, Permutation
from lunette.measures.likelihood.bound import check_samples
from lunette.models import LatentModel
from lunette.runs import Trained

DETOUR = 20_000  # pictures: a test split that Lunette parts has half as many at most


@dataclass(frozen=True)
class EvaluationSettings:
    """What the numbers depend on beside the run; raises LunetteError for what cannot be used."""

    pictures: int | None = None  # of the test split, at most; None: all
    samples: int = 500  # K of the importance bound
    prior: str | None = None  # kind of the fitted prior that samples are drawn from; None: as `sample` chooses
    seed: int = 0

    def __post_init__(self) -> None:
        if self.pictures is not None and self.pictures < 1:
            raise LunetteError(f"pictures must be at least 1, not {self.pictures}")
        check_samples(self.samples)


@dataclass(frozen=True)
class Subject:
    """A run as it is measured."""

    trained: Trained
    test: Images  # the pictures to measure on
    settings: EvaluationSettings

    @property
    def model(self) -> LatentModel:
        """The trained model."""
        return self.trained.model

    @property
    def data(self) -> Dataset:
        """The pictures of the run."""
        return self.trained.run.dataset

    def some_test(self, most: int) -> tuple[Images, Tensor]:
        """Return so many test pictures at most, at random, and their posterior means (N, D), rungs side by side.

        All are coded at once where that is no great detour: other groups ask for them, too.
        """
        index = Permutation(len(self.test), seed=0).part(slice(most))[:]
        images = self.test.take(index)
        if len(self.test) <= max(2 * most, DETOUR):
            return images, torch.cat(self.trained.encode(self.test), dim=1)[index]
        return images, torch.cat(self.trained.encode(images), dim=1)

    def y(self, images: Images) -> Tensor | None:
        """Return the labels that a conditional model is told of images, else None."""
        return self.trained.y(images)
