"""What recipes share whose codes are discrete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from lunette.codes import Codebooks, QuantisedHead, SequencePrior
from lunette.images import Shape
from lunette.likelihoods import pixel_head
from lunette.models import Indices
from lunette.networks import architecture
from lunette.objectives import CodeUsage, Objective, codebook, commitment, distortion
from lunette.recipes.registry import Recipe, Stage
from lunette.recipes.shared import Likelihood, Network, Terms, autoencoder

Positions = Annotated[
    int, "how many a dense code has; without a dense layer, as in conv:32/2,64/2, they are the last map's pixels"
]


@dataclass(frozen=True)
class Quantising:
    """The arguments of recipes whose codes are entries of codebooks."""

    latent: Annotated[int, "numbers of the code at each position"] = 16
    positions: Positions = 16
    entries: Annotated[int, "of a codebook"] = 128
    codebook: Annotated[Literal["gradient", "moving-average"], "how its entries learn"] = "moving-average"
    commitment: Annotated[float, "weight of what draws the encoder to the entries"] = 0.25
    network: Network = "residual:32/2,64/2"
    likelihood: Likelihood = "squared-error"
    prior_epochs: Annotated[int, "then for the prior over the codes, which drawing needs; 0 for none"] = 10

    def recipe(self, shape: Shape, levels: int = 1) -> Recipe:
        """Return the autoencoder of `levels` codebooks, and the training of its prior after its own."""
        networks, positions = architecture(self.network).placed(shape, self.positions)
        head = QuantisedHead(positions, Codebooks(self.entries, self.latent, levels, self.codebook == "gradient"))
        model = autoencoder(networks, head, pixel_head(self.likelihood, shape))
        moves = self.codebook == "moving-average"
        terms: Terms = {distortion: 1.0, codebook: 1.0 - moves, commitment: self.commitment, CodeUsage(moves): 0.0}
        if not self.prior_epochs:
            return Recipe(model, Objective(terms))
        model.prior = prior = SequencePrior(head)
        stage = Stage("prior", Indices(model, prior), Objective({distortion: 1}), self.prior_epochs)
        return Recipe(model, Objective(terms), after=(stage,))
