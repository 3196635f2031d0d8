"""Several processes that do one thing together, on torch's own engine; alone, everything here does nothing."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeGuard, TypeVar

import torch
from torch import Tensor, distributed
from torch.distributed.distributed_c10d import PrefixStore

from lunette.errors import LunetteError

T = TypeVar("T")

MEETINGS = itertools.count()  # of this process with others: each has addresses of its own
PATIENCE = timedelta(days=7)  # for work that is shared once, whose shares take as long as they take


@dataclass(frozen=True)
class ProcessGroup:
    """The `size` processes that do one thing together; this one is number `rank`, and number 0 writes the files."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and shows."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of `values` over all processes."""
        if self.size == 1:
            return values
        # The backend of GPUs sends what lies there, and no other.
        total = values.to("cuda" if distributed.get_backend() == "nccl" else values.device, copy=True)
        distributed.all_reduce(total)
        return total.to(values.device)

    def first(self, values: Tensor) -> Tensor:
        """Return the values that process 0 has."""
        return self.sum(values if self.leads else torch.zeros_like(values))

    def largest(self, number: int) -> int:
        """Return the largest of the processes' numbers."""
        numbers = torch.zeros(self.size, dtype=torch.int64)
        numbers[self.rank] = number
        return int(self.sum(numbers).max())

    def share(self, n: int) -> slice:
        """Return which of `n` things in a row are this process's; none, where they are fewer than the processes."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes in process 0, by their ranks, and in the others only their own."""
        if self.size == 1:
            return [value]
        values = [value] * self.size if self.leads else None
        distributed.gather_object(value, values)
        return values or [value]

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            distributed.barrier()

    def broadcast(self, text: str) -> str:
        """Return the text that process 0 has."""
        data = torch.tensor(list(text.encode("utf-8", "surrogateescape")), dtype=torch.uint8)
        length = self.largest(len(data) if self.leads else 0)
        found = self.sum(data if self.leads else torch.zeros(length, dtype=torch.uint8))
        return bytes(found.tolist()).decode("utf-8", "surrogateescape")


ALONE = ProcessGroup()


def is_launched() -> bool:
    """Return whether torchrun, or `--processes`, started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def are_to_launch(processes: int | None) -> TypeGuard[int]:
    """Return whether several processes are asked for, and this is none of them; raises LunetteError for less than 1."""
    if processes is not None and processes < 1:
        raise LunetteError(f"--processes must be at least 1, not {processes}")
    return processes not in (None, 1) and not is_launched()


@contextlib.contextmanager
def joined(
    device: torch.device, expected: int | None = None, patience: timedelta | None = None
) -> Iterator[ProcessGroup]:
    """Meet the processes that were launched with this one, or be alone.

    They wait for one another for `patience`, or as long as torch does; a lost one is noticed at once. Raises
    LunetteError where there are not as many as `expected`, where several copies were started that know nothing
    of each other, and where another process is lost.
    """
    if not is_launched():
        copies = int(os.environ.get("SLURM_NTASKS", "1")) if "SLURM_PROCID" in os.environ else 1
        if copies > 1:
            raise LunetteError(
                f"Slurm started {copies} copies of this, and each would do all of it alone: let one task a "
                "machine run torchrun, as docs/cluster.md shows"
            )
        yield ALONE
        return
    size = int(os.environ["WORLD_SIZE"])
    if expected not in (None, size):
        raise LunetteError(f"--processes asks for {expected} processes, and {size} were launched")
    try:
        store, rank, size = next(distributed.rendezvous("env://"))  # type: ignore[attr-defined]
        # The store outlives a restart, and the addresses of processes that are gone with it.
        attempt = PrefixStore(f"{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}/{next(MEETINGS)}", store)
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=patience, store=attempt, rank=rank, world_size=size)
        try:
            yield ProcessGroup(rank, size)
        finally:
            distributed.destroy_process_group()
    except RuntimeError as error:
        if not any(word in str(error).lower() for word in ("gloo", "nccl", "peer", "rendezvous", "socket")):
            raise
        raise LunetteError(
            f"another of the {size} processes is gone; what was saved is whole: start this again, but go on with "
            "training by lunette resume, or let --max-restarts do so"
        ) from error
