"""What this machine offers, and why something is not used."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import torch

from lunette.compute import pick_device, pick_precision
from lunette.images import search_folders
from lunette.results.result import Facts
from lunette.runs import versions
from lunette.uses.verb import verb

MATRIX = 512
FEATURES = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")


@verb("doctor", "data and machine")
def doctor() -> Facts:
    """Say what this machine offers: versions, threads, GPU, precision, data.

    Example:
        lunette doctor
    """
    auto = pick_precision("auto", pick_device("auto"))
    return Facts(
        {
            "Versions": versions() | {"system": platform.platform()},
            "Processor": {
                "model": processor(),
                "threads": f"{torch.get_num_threads()} used by torch, {os.cpu_count()} in the machine",
                "features": f"{features()}; torch uses {torch.backends.cpu.get_cpu_capability()}",
            },
            "Accelerator": {"GPU": accelerator()},
            "Precision": {
                "auto": f"{auto.name} products ({auto.reason})",
                "float32": f"{rate(torch.float32):.3g} GFLOP/s in products of {MATRIX}×{MATRIX} on the processor",
                "bfloat16": f"{rate(torch.bfloat16):.3g} GFLOP/s in the same products",
            },
            "Data": {"LUNETTE_DATA": os.environ.get("LUNETTE_DATA", "not set")}
            | {name: place(folders) for name, folders in search_folders().items()},
        }
    )


def processor() -> str:
    """Return the processor's name."""
    return cpuinfo("model name") or platform.processor() or platform.machine()


def features() -> str:
    """Return those of the processor's features that make matrix products fast."""
    present = [name for name in FEATURES if name in cpuinfo("flags").split()]
    return ", ".join(present) or "not known on this system"


def cpuinfo(key: str) -> str:
    """Return the first entry called `key` of Linux's list of processors, or an empty string."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")


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


def place(folders: list[Path]) -> str:
    """Return the first folder that holds files, or when they will be there."""
    for folder in folders:
        if folder.is_dir() and any(folder.iterdir()):
            return f"found in {folder}"
    return "not here yet: downloaded when first used"
