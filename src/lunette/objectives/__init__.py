"""What training minimises: terms in nats an image, and their weighted table."""

from lunette.objectives.codebooks import CodeUsage, codebook, commitment
from lunette.objectives.objective import Objective, Term, loss, name_of
from lunette.objectives.players import Adversary, Updating
from lunette.objectives.terms import NO_PRIOR, Sparsity, distortion, importance_bound, log_weights, rate
from lunette.objectives.weights import Schedule, warmup

__all__ = [
    "NO_PRIOR",
    "Adversary",
    "CodeUsage",
    "Objective",
    "Schedule",
    "Sparsity",
    "Term",
    "Updating",
    "codebook",
    "commitment",
    "distortion",
    "importance_bound",
    "log_weights",
    "loss",
    "name_of",
    "rate",
    "warmup",
]
