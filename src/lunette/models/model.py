"""What objectives and uses need of a model."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributions import Distribution

from lunette.codes import Prior
from lunette.images import Corruption
from lunette.likelihoods import PixelHead
from lunette.models.trace import Trace


class LatentModel(nn.Module):
    """A model of images x with codes z: abstract; `trace` is for training, the rest for uses."""

    def __init__(self, prior: Prior | None = None, corrupt: Corruption | None = None) -> None:
        super().__init__()
        self.prior = prior  # without one it cannot draw
        self.labels = 0  # how many labels y there are, for a model that is told them; others take none
        self.corrupt = corrupt  # the damage that it learns to mend

    @property
    def likelihood(self) -> PixelHead:
        """The head that draws pictures."""
        return next(module for module in self.modules() if isinstance(module, PixelHead))

    @property
    def moves_codes(self) -> bool:
        """Whether codes are moved along a slope, so that the posterior has a density at its own last draws alone."""
        return False

    @property
    def depth(self) -> int:
        """The number of rungs of codes."""
        return 1

    @property
    def why_no_onnx(self) -> str:
        """Why ONNX has not the operators that it needs; empty where it has."""
        return ""

    def trace(self, x: Tensor, y: Tensor | None = None, samples: int = 1) -> Trace:
        """Pass images x (N, C, H, W) in [0, 1] through, with `samples` (K) posterior draws each."""
        raise NotImplementedError

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the posterior mean of the codes (N, D), a tensor a rung; deterministic, of undamaged `x`."""
        raise NotImplementedError

    def draw(self, n: int, y: Tensor | None = None, temperature: float = 1.0) -> tuple[Tensor, ...]:
        """Return n codes (n, D) from the prior, a tensor a rung; their deviation from its mean × temperature.

        A prior over indices divides its logits by the temperature instead.
        Raises LunetteError where there is no prior, and for a temperature that is not 1 where it is not normal.
        """
        raise NotImplementedError

    def decode(self, z: tuple[Tensor, ...], y: Tensor | None = None) -> Distribution:
        """Codes (…, D), a tensor a rung → p(x | z) with batch (…), event (C, H, W).

        The first rung is the top one. Rungs left out at the end are at their prior means, given those above.
        """
        raise NotImplementedError
