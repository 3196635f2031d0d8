"""The processor or GPU that the work is done on."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch

from lunette.errors import LunetteError

DEVICES: dict[str, Callable[[], bool]] = {  # and whether there is one
    "cpu": lambda: True,
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "xpu": torch.xpu.is_available,
}


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is the first of cuda, mps and cpu that this machine has.

    Raises LunetteError for a device that it does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:  # one of several processes on this machine, a GPU each
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        if name.partition(":")[0] not in DEVICES:
            raise RuntimeError(f"known are {', '.join(DEVICES)}")
        device = torch.device(name)
        if not DEVICES[device.type]():
            raise RuntimeError("this machine has none, or this torch is built without it")
        torch.empty(1, device=device)
        if device.index is not None and device.type == "cuda":
            torch.cuda.set_device(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).split("\n")[0]
        raise LunetteError(
            f"cannot use the device {name!r} ({reason}); leave it at auto, or see lunette doctor"
        ) from None
    return device
