"""Work in processes that are killed, or run out of disk, at a call that is chosen."""

from __future__ import annotations

import builtins
import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lunette import files
from lunette.errors import LunetteError

LIMIT = 120  # seconds after which work hangs
REFUSED = 2  # the exit code of an error that is told
CHANGES: dict[Any, tuple[str, ...]] = {
    files: ("write_through",),
    os: ("open", "fsync", "unlink", "rmdir"),
    Path: ("mkdir", "replace"),
}
ROOM: dict[Any, tuple[str, ...]] = {Path: ("mkdir", "open"), builtins: ("open",)}


class Calls:
    """Counts this process's calls that change the disk, and kills it at the one with the number `deadly`.

    `moment` is before, in the middle (of a write's bytes) or after that call.
    """

    def __init__(self, deadly: int = 0, moment: str = "") -> None:
        self.count, self.deadly, self.moment = 0, deadly, moment
        replace(CHANGES, lambda call, name: self.counted(call, name == "write_through"))

    def counted(self, call: Callable[..., Any], writes: bool) -> Callable[..., Any]:
        """Return `call` as it is counted; one that `writes` can be cut in the middle, by half of its bytes."""

        def counting(*args: Any, **more: Any) -> Any:
            self.count += 1
            deadly = self.count == self.deadly
            if deadly and self.moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            if deadly and self.moment == "in the middle" and writes:
                args = args[0], args[1][: len(args[1]) // 2]
            result = call(*args, **more)
            if deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counting


class Room:
    """Counts this process's calls that need room on the disk; from the one with the number `last` there is none."""

    def __init__(self, last: int = sys.maxsize) -> None:
        self.count, self.last = 0, last
        replace(ROOM, lambda call, name: self.counted(call, name == "open"))

    def counted(self, call: Callable[..., Any], opens: bool) -> Callable[..., Any]:
        """Return `call`, which raises OSError where there is no room; one that `opens` needs it only to write."""

        def counting(*args: Any, **more: Any) -> Any:
            mode = more.get("mode", args[1] if len(args) > 1 else "r") if opens else "w"
            if set(str(mode)) & set("wxa+"):
                self.count += 1
                if self.count >= self.last:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(args[0]))
            return call(*args, **more)

        return counting


def replace(calls: dict[Any, tuple[str, ...]], by: Callable[[Callable[..., Any], str], Callable[..., Any]]) -> None:
    """Put what `by` returns of each call and its name in that call's place."""
    for place, names in calls.items():
        for name in names:
            setattr(place, name, by(getattr(place, name), name))


def forked(work: Callable[[], object], log: Path) -> int:
    """Do `work` in a child, whose words go to `log`; return its number. It ends with 2 for an error that is told."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.alarm(LIMIT)
        with log.open("a") as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
        work()
        code = 0
    except LunetteError as error:
        print(error, file=sys.stderr)
        code = REFUSED
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def end_of(child: int) -> int:
    """Wait for a child, and return its exit code, or less than 0 for the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
