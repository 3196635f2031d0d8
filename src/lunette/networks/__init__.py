"""Plain networks in pairs, one that reads images and one that draws them; no probability here."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Protocol

from torch import nn

from lunette.errors import LunetteError, unknown
from lunette.images import Shape
from lunette.networks.causal import Causal
from lunette.networks.charted import Charted
from lunette.networks.conv import Conv, relu
from lunette.networks.labelled import DrawingLabels, ReadingLabels
from lunette.networks.levels import Level, topmost
from lunette.networks.mlp import Mlp, mlp
from lunette.networks.residual import ResidualBlock

__all__ = [
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
    "placed",
    "topmost",
]

DEFAULTS = {"mlp": "400", "conv": "32/2,64/2,128/2:128", "residual": "32/2,64/2,128/2"}
LAYER = r"[1-9]\d*(?:/[1-9]\d*)?"
SPEC = re.compile(rf"(?P<layers>{LAYER}(?:,{LAYER})*)(?::(?P<dense>[1-9]\d*(?:,[1-9]\d*)*))?")


class Architecture(Protocol):
    """A pair of networks: `encoder` images (…, C, H, W) → (…, F), `decoder` codes (…, D) → (…, F).

    `levels` are both at once, in steps between which there may be codes.
    """

    def encoder(self, shape: Shape, features: int) -> nn.Module:
        """Return the network that reads images of `shape`."""
        ...

    def decoder(self, inputs: int, shape: Shape, features: int) -> nn.Module:
        """Return the network that draws images of `shape` from `inputs` numbers."""
        ...

    def levels(self, shape: Shape, features: int) -> list[Level]:
        """Return the levels over images of `shape`, from the image up, which lead down to (…, `features`)."""
        ...


def architecture(spec: str) -> Architecture:
    """Return the architecture that `spec` names, as NAME or NAME:LAYERS or NAME:LAYERS:DENSE.

    `mlp:256,128` has two hidden layers; `conv:32,64/2,64` three convolutions, the second of which halves
    the sides; `conv:32/2,64/2:128` ends in a dense layer of 128; `residual:64/2,128/2` has a residual block
    after each convolution. Raises LunetteError for anything else.
    """
    name, _, rest = spec.partition(":")
    if name not in DEFAULTS:
        raise unknown("network", name, DEFAULTS)
    match = SPEC.fullmatch(rest or DEFAULTS[name])
    if match is None or (name == "mlp" and not set(rest) <= set("0123456789,")):
        example = "mlp:256,128" if name == "mlp" else f"{name}:32,64/2 (/2 halves the sides) or {name}:32/2,64/2:128"
        raise LunetteError(f"cannot read the layers of the network {spec!r}: write them like {example}")
    layers = [tuple(map(int, f"{layer}/1".split("/")[:2])) for layer in match["layers"].split(",")]
    dense = tuple(map(int, match["dense"].split(","))) if match["dense"] else ()
    if name == "mlp":
        return Mlp(tuple(width for width, _ in layers))
    after = {"conv": relu, "residual": ResidualBlock}[name]
    return Conv(tuple((channels, stride) for channels, stride in layers), dense, after)


def placed(spec: str, shape: Shape, positions: int) -> tuple[Architecture, int]:
    """Return the architecture that `spec` names for codes that lie at positions, and how many there are.

    The code of convolutions without a dense layer is a map, and each of its pixels is a position; any other code
    is dense, and its `positions` are slices of it.
    """
    networks = architecture(spec)
    if isinstance(networks, Conv) and not networks.dense:
        return dataclasses.replace(networks, dense=None), math.prod(networks.sizes(shape)[-1])
    return networks, positions
