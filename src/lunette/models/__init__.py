"""Networks, latents and likelihoods put together into models that encode, draw and decode."""

from lunette.models.autoencoder import Autoencoder
from lunette.models.conditional import Conditional
from lunette.models.hamiltonian import Hamiltonian, Metric
from lunette.models.indices import Indices
from lunette.models.ladder import Ladder
from lunette.models.layer import Layer
from lunette.models.model import LatentModel
from lunette.models.trace import Latent, StepContext, Trace

__all__ = [
    "Autoencoder",
    "Conditional",
    "Hamiltonian",
    "Indices",
    "Ladder",
    "Latent",
    "LatentModel",
    "Layer",
    "Metric",
    "StepContext",
    "Trace",
]
