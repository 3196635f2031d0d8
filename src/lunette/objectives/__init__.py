"""What training minimises: terms in nats an image, and their weighted table."""

from lunette.objectives.adversaries import CodeAdversary, DensityRatioTotalCorrelation, FeatureDistance, PictureCritic
from lunette.objectives.bounds import MultipleBound, PartialBound, doubly_reparameterized_bound
from lunette.objectives.codebooks import CodeUsage, codebook, commitment
from lunette.objectives.divergences import Diagonal, KernelName, MaximumMeanDiscrepancy, OffDiagonal
from lunette.objectives.metric import Volume
from lunette.objectives.objective import Objective, Term, loss, name_of, unit_of, without_unit
from lunette.objectives.players import Adversary, Updating
from lunette.objectives.rates import (
    CapacityGap,
    DimensionWiseRate,
    EstimatorName,
    FreeBits,
    FreeRungRate,
    MutualInformation,
    TotalCorrelation,
)
from lunette.objectives.regularizers import code_norm, decoder_gradient, decoder_weights
from lunette.objectives.similarity import Dissimilarity
from lunette.objectives.terms import (
    PathRate,
    RungRate,
    Sparsity,
    distortion,
    importance_bound,
    log_weights,
    rate,
)
from lunette.objectives.weights import Balanced, Cyclical, FromStep, Schedule, warmup

__all__ = [
    "Adversary",
    "Balanced",
    "CapacityGap",
    "CodeAdversary",
    "CodeUsage",
    "Cyclical",
    "DensityRatioTotalCorrelation",
    "Diagonal",
    "DimensionWiseRate",
    "Dissimilarity",
    "EstimatorName",
    "FeatureDistance",
    "FreeBits",
    "FreeRungRate",
    "FromStep",
    "KernelName",
    "MaximumMeanDiscrepancy",
    "MultipleBound",
    "MutualInformation",
    "Objective",
    "OffDiagonal",
    "PartialBound",
    "PathRate",
    "PictureCritic",
    "RungRate",
    "Schedule",
    "Sparsity",
    "Term",
    "TotalCorrelation",
    "Updating",
    "Volume",
    "code_norm",
    "codebook",
    "commitment",
    "decoder_gradient",
    "decoder_weights",
    "distortion",
    "doubly_reparameterized_bound",
    "importance_bound",
    "log_weights",
    "loss",
    "name_of",
    "rate",
    "unit_of",
    "warmup",
    "without_unit",
]
