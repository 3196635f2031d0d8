"""The arguments that recipes share; the text beside each type is its help on the command line and in the docs."""

from __future__ import annotations

from typing import Annotated

from lunette.images import Binarization

LatentSize = Annotated[int, "dimensions of the code"]
Network = Annotated[str, "encoder, mirrored by the decoder: mlp:256,128 or conv:32,64/2:128 or residual:64/2,128/2"]
Likelihood = Annotated[
    str,
    "of pixels: bernoulli, continuous-bernoulli, beta-binomial, categorical, optimal-normal, or normal, laplace, "
    "student-t, squared-error, discretized-logistic, with a scale like normal:0.1, or logistic-mixture:5",
]
Binarize = Annotated[Binarization, "turn pixels black and white, once (threshold) or by a new draw each time (dynamic)"]
Beta = Annotated[float, "weight of the rate"]
RateWarmup = Annotated[float, "epochs over which the weight of the rate rises from 0"]
