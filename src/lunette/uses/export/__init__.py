"""Taking a run elsewhere: as ONNX with a model card, or whole as one file."""

from lunette.uses.export.bundle import unpack
from lunette.uses.export.folder import export

__all__ = ["export", "unpack"]
