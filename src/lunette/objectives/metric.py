"""The term of a learned metric, which also keeps its centroids new."""

from __future__ import annotations

import torch
from torch import Tensor

from lunette.codes import Curved
from lunette.models import Hamiltonian, LatentModel, Trace


class Volume:
    """log √det G⁻¹(z), the mean over K samples, (N,): how much room the metric gives the codes; only looked at.

    After each step of training the step's images take the place of the oldest that make the metric.
    """

    @torch.no_grad()
    def __call__(self, model: LatentModel, trace: Trace) -> Tensor:  # noqa: ARG002
        """Return the term of a trace whose posterior has a `Curved` geometry."""
        latent = trace.latents[0]
        geometry: Curved = latent.q.geometry  # type: ignore[attr-defined]
        return geometry.log_volume(latent.z).mean(0)

    def update(self, model: LatentModel, trace: Trace) -> None:
        """Hand the images of the trace to the model's metric."""
        assert isinstance(model, Hamiltonian)
        assert model.metric
        model.metric.renew(trace.x)
