"""What runs in a peer's environment: reads a command a line, answers a line of JSON, dies of its first error.

    python -I child.py NAME FOLDER THREADS

NAME.py beside it has `commands(folder, threads)`, which returns a function for each command. Whatever else the peer
prints goes to stderr.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path


def main(name: str, folder: str, threads: str) -> None:
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)
        module = runpy.run_path(str(Path(__file__).parent / f"{name}.py"))
        commands = module["commands"](Path(folder), int(threads))
        for line in sys.stdin:
            arguments = json.loads(line)
            answers.write(json.dumps(commands[arguments.pop("command")](**arguments)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
