"""Training a run by several processes of this machine."""

from __future__ import annotations

import logging
import os
import signal
import sys

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from lunette.errors import Diverged, Interrupted, LunetteError
from lunette.runs import Run


def launch(run: Run, processes: int, max_restarts: int, epochs: int | None) -> Run:
    """Train `run` to its end by `processes` that share each step; if one is lost, all start anew from what was saved.

    They are launched by torch's own agent, and each of them runs `lunette resume`. Raises what they raised.
    """
    # Threads that share a core wait for each other: the cores are parted among the processes.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # its news are tracebacks of itself
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        run_id=run.path.name,
        max_restarts=max_restarts,
        monitor_interval=0.2,
    )
    further = () if epochs is None else ("--epochs", str(epochs))
    command = ("-m", "lunette", "resume", str(run.path), "--processes", str(processes), *further)
    os.environ["LUNETTE_LAUNCHED"] = "1"  # the processes leave the last word to this one
    try:
        elastic_launch(config, sys.executable)(*command)
    except SignalException as error:
        raise Interrupted(f"{error.sigval.name}: go on with: lunette resume {run.path}", error.sigval) from None
    except ChildFailedError as error:
        raise failure(run, [failed.exitcode for failed in error.failures.values()]) from None
    finally:
        del os.environ["LUNETTE_LAUNCHED"]
    return run


def failure(run: Run, codes: list[int]) -> LunetteError:
    """Return the exception for how processes ended, which said why themselves."""
    where = f"go on with: lunette resume {run.path}"
    if Diverged.exit_code in codes:
        return Diverged("training diverged, as said above")
    stopped = [code - 128 for code in codes if code > 128]
    if stopped:
        return Interrupted(f"the processes were stopped; {where}", stopped[0])
    killed = [f"by {signal.Signals(-code).name}" for code in codes if code < 0]
    how = f"were killed {', '.join(killed)}" if killed else f"ended with exit codes {codes}, as said above"
    return LunetteError(f"{len(codes)} of the processes {how}; {where}")
