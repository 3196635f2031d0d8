"""How long one waits: for the help, for `import lunette`, and for the first training step of the default command.

    python benchmarks/start.py [ROUNDS]

Whole processes, from their start. Prints a table and writes start.json.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import in_turns, write_results

FIRST_STEP = """
import os, sys
from lunette.progress import watched
from lunette.training import Step
from lunette.uses.train import train
with watched(lambda event: isinstance(event, Step) and os._exit(0)):
    train("vae", "digits", out=sys.argv[1])
"""


def process(*args: str) -> float:
    """Return the seconds that a Python process takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def first_step() -> float:
    with tempfile.TemporaryDirectory() as folder:
        return process("-c", FIRST_STEP, str(Path(folder) / "run"))


def main(rounds: int) -> None:
    contenders = {
        "an empty Python program": lambda: process("-c", ""),
        "import lunette": lambda: process("-c", "import lunette"),
        "lunette --help": lambda: process("-m", "lunette", "--help"),
        "import torch": lambda: process("-c", "import torch"),
        "the first step of lunette train": first_step,
    }
    rows: list[dict[str, object]] = [
        {
            "what": name,
            "seconds, median": round(sorted(times)[len(times) // 2], 3),
            "least": round(min(times), 3),
            "most": round(max(times), 3),
        }
        for name, times in in_turns(contenders, rounds).items()
    ]
    write_results("start", rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
