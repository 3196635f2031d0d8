"""How benchmarks show their results: a table, and the same as JSON beside the script."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch


def in_turns(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Let each contender run once a round, and return what each returned (seconds) in every round but the first.

    The first one warms up. What else the machine does meets all contenders alike.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for i in range(rounds + 1):
        for name, run in contenders.items():
            took = run()
            print(f"round {i or 'to warm up'}  {name}: {took:.3f} s", flush=True)
            if i:
                seconds[name].append(took)
    return seconds


def spread(seconds: Mapping[str, Sequence[float]], what: str, baseline: str) -> list[dict[str, object]]:
    """Return a table's rows: median, least and most of each contender, and how many times as fast as `baseline`."""
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return [
        {
            "program": name,
            f"{what}, median": round(medians[name], 3),
            "least": round(min(times), 3),
            "most": round(max(times), 3),
            f"times as fast as {baseline}": round(medians[baseline] / medians[name], 2),
        }
        for name, times in seconds.items()
    ]


def write_results(name: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print `rows` as a Markdown table and write them to results/NAME.json with the machine they are of."""
    columns = list(rows[0])
    print("\n| " + " | ".join(columns) + " |\n|" + " --- |" * len(columns))
    for row in rows:
        print("| " + " | ".join(str(row[column]) for column in columns) + " |")
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    path = Path(__file__).parent / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
