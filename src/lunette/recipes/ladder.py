"""The hierarchical variational autoencoder."""

from __future__ import annotations

from typing import Annotated

from lunette.codes import StandardNormal
from lunette.heads import positive
from lunette.images import Shape
from lunette.likelihoods import pixel_head
from lunette.models import Ladder
from lunette.networks import architecture, topmost
from lunette.objectives import FreeRungRate, Objective, RungRate, Schedule, Term, distortion, rate, warmup
from lunette.recipes.registry import Recipe, recipe
from lunette.recipes.shared import Binarize, Likelihood, Network, PerRung, of_each

EACH = "; one for all rungs, or one for each, the top first"


@recipe
def ladder(
    shape: Shape,
    latent: Annotated[int, "dimensions of the code on each rung; with convolutions, at each of its places"] = 20,
    rungs: Annotated[int, "rungs of codes, one on each of the network's last layers"] = 3,
    network: Network = "mlp:512,256,128",
    likelihood: Likelihood = "bernoulli",
    binarize: Binarize = "none",
    beta: Annotated[PerRung, f"weight of the rate{EACH}"] = 1.0,
    rate_warmup: Annotated[
        PerRung, "epochs over which its weight rises from 0; one for all rungs but the lowest, or one for each"
    ] = 5.0,
    free: Annotated[PerRung, f"nats a picture that cost nothing{EACH}"] = 0.0,
) -> Recipe:
    """Ladder VAE: codes on several rungs, each drawn given those above it (Sønderby et al., NeurIPS 2016).

    The lowest rung pays for its rate from the start: free like the others, it would take all there is to tell.
    """
    positive("latent", latent)
    pixels = pixel_head(likelihood, shape, binarize)
    levels = topmost(architecture(network).levels(shape, pixels.features), rungs)
    model = Ladder(levels, latent, pixels, StandardNormal(latent * levels[-1].places))
    if isinstance(rate_warmup, float | int):
        rate_warmup = (*[float(rate_warmup)] * (rungs - 1), 0.0)
    settings = zip(of_each("beta", beta, rungs), of_each("rate_warmup", rate_warmup, rungs), strict=True)
    weights = [warmup(weight, epochs) for weight, epochs in settings]
    terms: dict[Term, float | Schedule] = {distortion: 1.0, rate: 0.0}
    for rung, (weight, nats) in enumerate(zip(weights, of_each("free", free, rungs), strict=True), 1):
        terms[RungRate(rung)] = 0.0 if nats else weight  # looked at in any case: which rungs are used
        if nats:
            terms[FreeRungRate(rung, nats)] = weight
    return Recipe(model, Objective(terms))
