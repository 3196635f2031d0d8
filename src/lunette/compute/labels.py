"""What a model that is told labels is told."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lunette.errors import LunetteError
from lunette.images import Images, Label, index_of
from lunette.models import LatentModel


def labels_for(model: LatentModel, images: Images, names: Sequence[str], label: Label | None = None) -> Tensor | None:
    """Return the label (N,) of each picture as the model, which knows `names`, is told it; None if it is told none.

    All are `label` where that is given. Raises LunetteError for a model that is told none, for a name that it does
    not know, and for pictures that have no labels.
    """
    if not model.labels:
        if label is not None:
            raise LunetteError(f"this model is not told what pictures show, so label {label} means nothing to it")
        return None
    if label is not None:
        return torch.full((len(images),), index_of(label, names))
    if images.labels is None:
        raise LunetteError(
            "this model is told what each picture shows, and these have no labels: say --label NAME for all of them, "
            "or sort them into sub-folders, one a label"
        )
    known = torch.tensor([index_of(name, names) for name in images.label_names])
    return known[images.labels]
