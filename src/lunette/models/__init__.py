"""Networks, latents and likelihoods put together into models that encode, draw and decode."""

from lunette.models.autoencoder import Autoencoder
from lunette.models.conditional import Conditional
from lunette.models.indices import Indices
from lunette.models.layer import Layer
from lunette.models.model import LatentModel
from lunette.models.trace import Latent, Moment, Trace

__all__ = ["Autoencoder", "Conditional", "Indices", "Latent", "LatentModel", "Layer", "Moment", "Trace"]
