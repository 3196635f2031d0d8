"""Faults on purpose, and that none ends in a traceback, in a wrong number or in lost work.

    python benchmarks/faults.py [NAME=TRIALS …]     # by default some minutes of all; hours: kills=2760 images=10000 …

- kills: trainings of every recipe that are killed and go on (campaign/kills.py, which also writes kills.json)
- disk: a full disk at each write of a training, and of what is done with a run (campaign/disk.py)
- runs: damaged files of a run, a pack and a ZIP (campaign/runs.py)
- images: damaged pictures in a folder of whole ones, in every format (campaign/images.py)
- archives: damaged arrays, IDX files, archives and packs, and bombs (campaign/archives.py)

Prints a table, writes faults.json, and ends with code 1 if anything ended as it must not.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping

from campaign import LONG, LOST, OUTCOMES, RAW, WRONG, archives, disk, images, kills, runs
from report import write_results

CAMPAIGNS: dict[str, tuple[Callable[[int, int], Counter[str]], int]] = {
    "kills": (kills.campaign, 45),
    "disk": (disk.campaign, 40),
    "runs": (runs.campaign, 400),
    "images": (images.campaign, 1000),
    "archives": (archives.campaign, 700),
}
SEED = 0


def main(trials: Mapping[str, int]) -> int:
    """Make so many trials of each campaign; return the exit code."""
    rows: list[dict[str, object]] = []
    for name, number in trials.items():
        found = CAMPAIGNS[name][0](number, SEED)
        rows.append({"campaign": name, "trials": sum(found[o] for o in OUTCOMES), **{o: found[o] for o in OUTCOMES}})
        print(rows[-1], flush=True)
    write_results("faults", rows)
    return int(any(row[bad] for row in rows for bad in (RAW, WRONG, LOST, LONG)))


if __name__ == "__main__":
    asked = {name: int(number) for name, _, number in (word.partition("=") for word in sys.argv[1:])}
    sys.exit(main(asked or {name: number for name, (_, number) in CAMPAIGNS.items()}))
