"""A verb done by several processes of this machine."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from lunette.errors import Diverged, Interrupted, LunetteError

AGAIN = "nothing was written: start it again"


def launch(verb: Sequence[str], processes: int, after: str = AGAIN, max_restarts: int = 0) -> None:
    """Run `lunette VERB --processes N` as so many processes, which share the work, by torch's own agent.

    If one is lost all start anew, up to `max_restarts` times. Raises what they raised, and says what to do `after` it.
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
        run_id="lunette",
        max_restarts=max_restarts,
        monitor_interval=0.2,
    )
    os.environ["LUNETTE_LAUNCHED"] = "1"  # the processes leave the last word to this one
    try:
        elastic_launch(config, sys.executable)("-m", "lunette", *verb, "--processes", str(processes))
    except SignalException as error:
        raise Interrupted(f"{error.sigval.name}: {after}", error.sigval) from None
    except ChildFailedError as error:
        raise failure(after, [failed.exitcode for failed in error.failures.values()]) from None
    finally:
        del os.environ["LUNETTE_LAUNCHED"]


def failure(after: str, codes: list[int]) -> LunetteError:
    """Return the exception for how processes ended, which said why themselves."""
    # Torch's agent stops the others by SIGTERM when one is lost: that is not what ended them.
    codes = [code for code in codes if code not in (-signal.SIGTERM, 128 + signal.SIGTERM)] or codes
    if Diverged.exit_code in codes:
        return Diverged("training diverged, as said above")
    stopped = [code - 128 for code in codes if code > 128]
    if stopped:
        return Interrupted(f"the processes were stopped; {after}", stopped[0])
    killed = [f"by {signal.Signals(-code).name}" for code in codes if code < 0]
    how = f"were killed {', '.join(killed)}" if killed else f"ended with exit codes {codes}, as said above"
    return LunetteError(f"{len(codes)} of the processes {how}; {after}")
