"""What this machine offers, and why something is not used."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import torch

from lunette.images import search_folders
from lunette.runs import versions

MATRIX = 1024


def doctor() -> dict[str, dict[str, str]]:
    """Return facts in groups: versions, processor, accelerator, precision, data."""
    return {
        "Versions": versions() | {"system": platform.platform()},
        "Processor": {
            "model": processor(),
            "threads": f"{torch.get_num_threads()} used by torch, {os.cpu_count()} in the machine",
            "instructions": torch.backends.cpu.get_cpu_capability(),
        },
        "Accelerator": {"GPU": accelerator()},
        "Precision": {
            "float32": f"used for everything; {rate(torch.float32):,.0f} GFLOP/s in a {MATRIX}×{MATRIX} matrix product",
            "bfloat16": f"{rate(torch.bfloat16):,.0f} GFLOP/s in the same product",
        },
        "Data": {"LUNETTE_DATA": os.environ.get("LUNETTE_DATA", "not set")}
        | {name: places(folders) for name, folders in search_folders().items()},
    }


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def accelerator() -> str:
    """Return the GPU that training uses, or why it uses none."""
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        more = f"; {torch.cuda.device_count()} in all" if torch.cuda.device_count() > 1 else ""
        return f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB, used{more}"
    if torch.backends.mps.is_available():
        return "Apple GPU (mps), used"
    if torch.version.cuda is None and torch.version.hip is None:
        return (
            f"none used: this torch ({torch.__version__}) is built for the processor alone; a CUDA build would see one"
        )
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "none used: CUDA_VISIBLE_DEVICES hides it"
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return f"none used: {str(error).splitlines()[0]}"
    return "none found"


def rate(dtype: torch.dtype, seconds: float = 0.2) -> float:
    """Return the measured speed of a matrix product on the processor, in GFLOP/s."""
    a = torch.ones(MATRIX, MATRIX, dtype=dtype)
    torch.mm(a, a)
    began, products = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        torch.mm(a, a)
        products += 1
    return products * 2 * MATRIX**3 / (time.perf_counter() - began) / 1e9


def places(folders: list[Path]) -> str:
    """Return the first folder that is there, or where it is looked for."""
    for folder in folders:
        if folder.is_dir():
            return f"found in {folder}"
    return "not here yet: downloaded when first used"
