"""Plain networks in pairs, one that reads images and one that draws them; no probability here."""

from lunette.networks.architecture import ARCHITECTURES, Architecture, architecture
from lunette.networks.causal import Causal
from lunette.networks.charted import Charted
from lunette.networks.conv import Conv
from lunette.networks.labelled import DrawingLabels, ReadingLabels
from lunette.networks.levels import Level, topmost
from lunette.networks.mlp import Mlp, mlp
from lunette.networks.residual import ResidualBlock
from lunette.specs import import_all

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Causal",
    "Charted",
    "Conv",
    "DrawingLabels",
    "Level",
    "Mlp",
    "ReadingLabels",
    "ResidualBlock",
    "architecture",
    "mlp",
    "topmost",
]

# What a file here defines registers itself: a new architecture is a new file, and nothing else.
import_all(__name__)
