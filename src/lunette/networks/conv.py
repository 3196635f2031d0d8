"""Convolutional networks for images of any size: strided layers down, transposed layers up."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from lunette.images import Shape
from lunette.networks.architecture import ARCHITECTURES, Architecture, Layers
from lunette.networks.levels import Level, OneBatch
from lunette.networks.mlp import dense_level, mlp

Strided = tuple[int, int]  # (channels, stride)


def relu(channels: int) -> nn.Module:  # noqa: ARG001  (what follows a layer may ask for its channels)
    """Return the plain network's non-linearity."""
    return nn.ReLU()


@ARCHITECTURES.register("conv", Layers("32/2,64/2,128/2:128"))
@dataclass(frozen=True)
class Conv(Architecture):
    """3×3 convolutions `layers`, each followed by `after(channels)`, then hidden layers `dense`.

    Stride s makes ⌈side / s⌉ pixels of a side. The decoder starts where the convolutions of the encoder end
    and has one transposed convolution for each strided one, which gives back exactly its input's size. Where `dense`
    is None there are no dense layers at all, and features and codes are maps, in the order (H, W, channels).
    """

    layers: tuple[Strided, ...]
    dense: tuple[int, ...] | None = ()
    after: Callable[[int], nn.Module] = relu

    def encoder(self, shape: Shape, features: int) -> nn.Module:
        """Images (…, C, H, W) → features (…, F)."""
        body: list[nn.Module] = []
        before = shape[0]
        for channels, stride in self.layers:
            body += [nn.Conv2d(before, channels, 3, stride, padding=1), self.after(channels)]
            before = channels
        pixels = math.prod(self.sizes(shape)[-1])
        if self.dense is None:
            body += [nn.Conv2d(before, features // pixels, 1), Permute(0, 2, 3, 1), nn.Flatten()]
        else:
            body += [nn.Flatten(), *mlp(before * pixels, self.dense, features)]
        return OneBatch(nn.Sequential(*body), event_dims=3)

    def decoder(self, inputs: int, shape: Shape, features: int) -> nn.Module:
        """Codes (…, D) → features (…, F) in the order (F / (H·W), H, W)."""
        sizes, before = self.sizes(shape), self.layers[-1][0]
        bottom = (before, *sizes[-1])
        if self.dense is None:
            size = inputs // math.prod(sizes[-1])
            body = [nn.Unflatten(1, (*sizes[-1], size)), Permute(0, 3, 1, 2), nn.Conv2d(size, before, 1)]
        else:
            body = [nn.Linear(inputs, math.prod(bottom)), nn.Unflatten(1, bottom)]
        body.append(self.after(before))
        for i, (_, stride) in reversed(list(enumerate(self.layers))):
            if stride > 1:
                # The channels that the encoder had before this layer; the first layer had the image: its own.
                channels = self.layers[max(i - 1, 0)][0]
                body += [upsample(before, channels, stride, sizes[i + 1], sizes[i]), self.after(channels)]
                before = channels
        body.append(nn.Conv2d(before, features // math.prod(sizes[0]), 3, padding=1))
        body.append(nn.Flatten())
        return OneBatch(nn.Sequential(*body), event_dims=1)

    def levels(self, shape: Shape, features: int) -> list[Level]:
        """Return a level a layer, from the image up: convolutions with their places, then dense ones."""
        below: tuple[int, ...] = shape
        levels: list[Level] = []
        for (channels, stride), (large, small) in zip(self.layers, pairwise(self.sizes(shape)), strict=True):
            up = [nn.Conv2d(below[0], channels, 3, stride, padding=1), self.after(channels)]
            drawn = below[0] if levels else features // math.prod(large)
            down = [self.after(channels), upsample(channels, drawn, stride, small, large)]
            if not levels:
                down.append(nn.Flatten())
            below = (channels, *small)
            levels.append(Level(OneBatch(nn.Sequential(*up), 3), OneBatch(nn.Sequential(*down), 3), below))
        for width in self.dense or ():
            levels.append(dense_level(below, width))
            below = (width,)
        return levels

    def placed(self, shape: Shape, positions: int) -> tuple[Architecture, int]:
        """Return the architecture whose code is a map, if no layer is dense: each of its pixels is a position."""
        if self.dense:
            return self, positions
        return dataclasses.replace(self, dense=None), math.prod(self.sizes(shape)[-1])

    def sizes(self, shape: Shape) -> list[tuple[int, int]]:
        """Return (H, W) before the first layer and after each."""
        result = [shape[1:]]
        for _, stride in self.layers:
            height, width = result[-1]
            result.append((-(-height // stride), -(-width // stride)))
        return result


class Permute(nn.Module):
    """Put dimensions in another order."""

    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with dimension order[i] in place i."""
        return x.permute(self.order)


def upsample(before: int, after: int, stride: int, small: tuple[int, int], large: tuple[int, int]) -> nn.Module:
    """Return the transposed 3×3 convolution from `small` (H, W) to exactly `large`."""
    extra = [big - 1 - (little - 1) * stride for little, big in zip(small, large, strict=True)]
    return nn.ConvTranspose2d(before, after, 3, stride, padding=1, output_padding=(extra[0], extra[1]))
