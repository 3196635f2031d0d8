"""The command line: `lunette VERB …`."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from lunette.errors import LunetteError, LunetteWarning
from lunette.faces import jsonl
from lunette.faces.help import overview
from lunette.faces.shell import call, verb_in
from lunette.faces.silence import broken as broken_silence
from lunette.faces.silence import is_first
from lunette.names import lenient

SPINS = "1000"  # of GNU's threads: as fast alone as the default, and it hardly disturbs others


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code: 0, 2 for a user's mistake, 3 for divergence, 128 + N after the signal N."""
    args = list(sys.argv[1:] if argv is None else argv)
    warnings.showwarning = show_warning
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of oddities in pictures that it reads all the same
    wait_briefly()
    take_all_signs()
    try:
        if args[:1] in ([], ["-h"], ["--help"]):
            print(overview(), end="")
            return 0
        if args[0] == "--version":
            print(f"lunette {metadata.version('lunette')}")
            return 0
        if args[0] == "--jsonl":
            return jsonl.main(args[1:])
        verb, words = verb_in(args)
        with broken_silence(verb):
            call(verb, words)
    except LunetteError as error:
        place = "" if is_first() else f" (process {os.environ['RANK']})"
        with contextlib.suppress(OSError):  # after a hang-up nobody hears it
            print(f"lunette{place}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # whoever read the output is gone, and what was made is written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("lunette: stopped", file=sys.stderr)
        return 130
    return 0


def take_all_signs() -> None:
    """Let output take names that are no UTF-8, and signs that it lacks: they must not end work that is done."""
    codecs.register_error("lunette.lenient", lenient)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="lunette.lenient")


def wait_briefly() -> None:
    """Let threads that have nothing to do sleep soon, before torch is there to read this.

    By default they turn in circles for milliseconds on cores that others need: a convolutional training beside another
    took five times as long as alone (benchmarks/threads.py).
    """
    if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        os.environ["GOMP_SPINCOUNT"] = SPINS


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Print our own warnings as a line, others as Python does."""
    own = issubclass(category, LunetteWarning)
    text = (
        f"lunette: warning: {message}\n" if own else warnings.formatwarning(message, category, filename, lineno, line)
    )
    (file or sys.stderr).write(text)


if __name__ == "__main__":
    sys.exit(main())
