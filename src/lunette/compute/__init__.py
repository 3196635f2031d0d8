"""How numbers are made: devices, batches, precision, memory, processes."""

from lunette.compute.batches import in_batches, to_float, values_per_pixel
from lunette.compute.device import pick_device
from lunette.compute.memory import keep_memory
from lunette.compute.precision import EMULATE, Precision, PrecisionName, has_bf16, pick_precision
from lunette.compute.processes import ALONE, PATIENCE, ProcessGroup, are_to_launch, is_launched, joined

__all__ = [
    "ALONE",
    "EMULATE",
    "PATIENCE",
    "Precision",
    "PrecisionName",
    "ProcessGroup",
    "are_to_launch",
    "has_bf16",
    "in_batches",
    "is_launched",
    "joined",
    "keep_memory",
    "pick_device",
    "pick_precision",
    "to_float",
    "values_per_pixel",
]
