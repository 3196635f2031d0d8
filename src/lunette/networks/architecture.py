"""Pairs of networks by name: one that reads images and one that draws them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch import nn

from lunette.errors import LunetteError
from lunette.images import Shape
from lunette.networks.levels import Level
from lunette.specs import Registry

LAYER = r"[1-9]\d*(?:/[1-9]\d*)?"
WIDTHS = r"[1-9]\d*(?:,[1-9]\d*)*"


class Architecture:
    """A pair of networks, abstract in `encoder` and `decoder`."""

    def encoder(self, shape: Shape, features: int) -> nn.Module:
        """Return the network that reads images (…, C, H, W) of `shape` and gives (…, F), F = `features`."""
        raise NotImplementedError

    def decoder(self, inputs: int, shape: Shape, features: int) -> nn.Module:
        """Return the network that reads codes (…, D), D = `inputs`, and gives (…, F) for images of `shape`."""
        raise NotImplementedError

    def levels(self, shape: Shape, features: int) -> list[Level]:  # noqa: ARG002
        """Return both at once: the levels over images of `shape`, from the image up, which lead down to (…, F).

        Raises:
            LunetteError: this architecture has none.
        """
        raise LunetteError("this network has no levels for codes on several rungs: use mlp, conv or residual")

    def placed(self, shape: Shape, positions: int) -> tuple[Architecture, int]:  # noqa: ARG002
        """Return the architecture for codes that lie at positions of an image of `shape`, and how many there are.

        By default the code is dense, and its `positions` are slices of it.
        """
        return self, positions


ARCHITECTURES: Registry[Callable[..., Architecture]] = Registry("network")


class Widths:
    """Widths of dense layers, as 256,128; by default `default`."""

    def __init__(self, default: str) -> None:
        self.default = default

    def read(self, kind: str, name: str, text: str | None) -> tuple[Any, ...]:
        """Return the widths, (int, …)."""
        if not re.fullmatch(WIDTHS, text := text or self.default):
            raise unreadable(kind, f"{name}:{text}", f"{name}:256,128")
        return (tuple(map(int, text.split(","))),)


class Layers:
    """Layers of convolutions, as 32,64/2 (channels, and a stride after /), and dense ones after a colon, as :128."""

    def __init__(self, default: str) -> None:
        self.default = default

    def read(self, kind: str, name: str, text: str | None) -> tuple[Any, ...]:
        """Return the layers, ((channels, stride), …), and the widths of the dense ones."""
        found = re.fullmatch(rf"({LAYER}(?:,{LAYER})*)(?::({WIDTHS}))?", text := text or self.default)
        if found is None:
            raise unreadable(kind, f"{name}:{text}", f"{name}:32,64/2 (/2 halves the sides) or {name}:32/2,64/2:128")
        layers, dense = found[1].split(","), found[2].split(",") if found[2] else ()
        pairs = [layer.partition("/") for layer in layers]
        return tuple((int(channels), int(stride or 1)) for channels, _, stride in pairs), tuple(map(int, dense))


def unreadable(kind: str, spec: str, example: str) -> LunetteError:
    """Return the error for layers that are not written as in `example`."""
    return LunetteError(f"cannot read the layers of the {kind} {spec!r}: write them like {example}")


def architecture(spec: str) -> Architecture:
    """Return the architecture that `spec` names, as NAME, NAME:LAYERS or NAME:LAYERS:DENSE.

    `mlp:256,128` has two hidden layers; `conv:32,64/2,64` three convolutions, the second of which halves
    the sides; `conv:32/2,64/2:128` ends in a dense layer of 128; `residual:64/2,128/2` has a residual block
    after each convolution.

    Raises:
        LunetteError: the name is unknown, or its layers cannot be read.
    """
    make, layers = ARCHITECTURES.read(spec)
    return make(*layers)
