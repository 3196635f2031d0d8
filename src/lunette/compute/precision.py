"""How matrix products and convolutions are done; weights, sums and everything else stay in float32."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from lunette.compute.emulated import Emulated
from lunette.errors import LunetteError

PrecisionName = Literal["auto", "fp32", "bf16"]
EMULATE = "LUNETTE_EMULATE_BF16"  # an environment variable: 1 gives any processor bfloat16 products, for tests

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


@dataclass(frozen=True)
class Precision:
    """float32 products ("fp32"), or products of bfloat16 factors that are summed in float32 ("bf16")."""

    name: Literal["fp32", "bf16"]
    device: torch.device
    reason: str  # why it is that one, for people
    autocast: bool = False  # whether what a product gives is bfloat16, too, up to the next head

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Do the products of a whole training step so, forward and backward."""
        if self.name == "fp32" or self.device.type != "cpu":
            yield
            return
        if asked_to_emulate():
            with Emulated(self.autocast):
                yield
            return
        # oneDNN rounds the factors as it reads them, so the tensors around it stay float32.
        switches = (torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv)  # type: ignore[attr-defined]
        before = [switch.fp32_precision for switch in switches]
        try:
            for switch in switches:
                switch.fp32_precision = "bf16"
            yield
        finally:
            for switch, value in zip(switches, before, strict=True):
                switch.fp32_precision = value

    def forward(self) -> contextlib.AbstractContextManager[object]:
        """Do the products of a forward pass so; autograd does the backward pass alike."""
        if not self.autocast or (self.device.type == "cpu" and asked_to_emulate()):
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


def pick_precision(name: PrecisionName, device: torch.device, model: nn.Module | None = None) -> Precision:
    """Return the precision called `name`; "auto" is bf16 where the device does such products, else fp32.

    Images between convolutions, which are large, are kept in bfloat16, too: on a processor with AMX a step of conv_vae
    took 38 ms so, 79 with bfloat16 factors alone, and 93 in float32; dense layers were as fast either way. Raises
    LunetteError for bf16 on a device that has none.
    """
    able, reason = has_bf16(device)
    if name == "bf16" and not able:
        raise LunetteError(f"cannot use --precision bf16: {reason}; leave it at auto, or use fp32")
    if name == "auto":
        name = "bf16" if able else "fp32"
    else:
        reason = "as asked"
    convolves = model is not None and any(isinstance(layer, CONVOLUTIONS) for layer in model.modules())
    return Precision(name, device, reason, name == "bf16" and (convolves or device.type != "cpu"))


def asked_to_emulate() -> bool:
    """Return whether bfloat16 products are to be emulated on the processor, whatever it has."""
    return os.environ.get(EMULATE) == "1"


def has_bf16(device: torch.device) -> tuple[bool, str]:
    """Return whether `device` does bfloat16 products, and the reason in words."""
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
        return able, "this GPU has bfloat16 products" if able else "this GPU has no bfloat16 products"
    if device.type != "cpu":
        return False, f"bfloat16 was never tried on {device.type}"
    if asked_to_emulate():
        return True, f"emulated, as {EMULATE} asks: right, and slow"
    if not (hasattr(torch.backends.mkldnn, "matmul") and hasattr(torch.cpu, "get_capabilities")):
        return False, "this version of torch cannot switch its products to bfloat16"
    # AVX-512 alone only emulates them, more slowly than float32 products.
    has = torch.cpu.get_capabilities()
    able = any(has.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return able, "this processor has bfloat16 products" if able else "this processor has no bfloat16 products"
