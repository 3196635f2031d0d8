"""Several processes that train one model in step, on torch's own engine; alone, everything here does nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, distributed
from torch.distributed.distributed_c10d import PrefixStore

from lunette.errors import LunetteError


@dataclass(frozen=True)
class Team:
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

    def largest(self, number: int) -> int:
        """Return the largest of the processes' numbers."""
        numbers = torch.zeros(self.size, dtype=torch.int64)
        numbers[self.rank] = number
        return int(self.sum(numbers).max())

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            distributed.barrier()

    def told(self, text: str) -> str:
        """Return the text that process 0 has."""
        data = torch.tensor(list(text.encode()), dtype=torch.uint8)
        length = self.largest(len(data) if self.leads else 0)
        return bytes(self.sum(data if self.leads else torch.zeros(length, dtype=torch.uint8)).tolist()).decode()


ALONE = Team()


def is_launched() -> bool:
    """Return whether torchrun, or `lunette train --processes`, started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def joined(device: torch.device, expected: int | None = None) -> Iterator[Team]:
    """Meet the processes that were launched with this one, or be alone.

    Raises LunetteError where there are not as many as `expected`, where several copies were started that know
    nothing of each other, and where another process is lost.
    """
    if not is_launched():
        copies = int(os.environ.get("SLURM_NTASKS", "1")) if "SLURM_PROCID" in os.environ else 1
        if copies > 1:
            raise LunetteError(
                f"Slurm started {copies} copies of this, and they would each train alone: let one task a machine "
                "run torchrun, as docs/cluster.md shows"
            )
        yield ALONE
        return
    size = int(os.environ["WORLD_SIZE"])
    if expected not in (None, size):
        raise LunetteError(f"--processes asks for {expected} processes, and {size} were launched")
    try:
        store, rank, size = next(distributed.rendezvous("env://"))  # type: ignore[attr-defined]
        # The store outlives a restart, and the addresses of processes that are gone with it.
        attempt = PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, store=attempt, rank=rank, world_size=size)
        try:
            yield Team(rank, size)
        finally:
            distributed.destroy_process_group()
    except RuntimeError as error:
        if not any(word in str(error).lower() for word in ("gloo", "nccl", "peer", "rendezvous", "socket")):
            raise
        raise LunetteError(
            f"another of the {size} processes is gone; what was saved is whole: go on with lunette resume, or let "
            "--max-restarts do so"
        ) from error
