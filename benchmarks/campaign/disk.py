"""A disk that is full, from each write on: of a training and of what is done with a run, one after another.

Each trial takes the room away at one write, and expects a sentence instead of a traceback. Then there is room again,
and the same is done once more: it ends as if nothing had happened, weights, moments and rows of a training to the bit.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch

from campaign import LOST, RAW, RIGHT, TOLD, WRONG
from campaign.children import REFUSED, Room, end_of, forked
from campaign.kills import SETTINGS, ending, few_digits, go_on
from lunette.uses.change.concepts import add_concept
from lunette.uses.data.pack import pack
from lunette.uses.evaluate import evaluate
from lunette.uses.export import export
from lunette.uses.fit_prior import fit_prior

TRAINED = {"recipe": "vae", "network": "mlp:16,12", "latent": 3, **SETTINGS}
Work = Callable[[Path, Path], object]  # of the data, and of the run that it makes or works on
WORK: dict[str, Work] = {
    "train": lambda data, run: go_on(data, run, TRAINED),
    "fit-prior": lambda data, run: fit_prior(run, kind="gaussian"),  # noqa: ARG005
    "concept add": lambda data, run: add_concept(run, "lean", measure="slant"),  # noqa: ARG005
    "evaluate": lambda data, run: evaluate(run, groups=("reconstruction",)),  # noqa: ARG005
    "export": lambda data, run: export(run, run.with_name("exported.zip")),  # noqa: ARG005
    "pack": lambda data, run: pack(data, run.with_name("packed")),
}


def campaign(trials: int, seed: int) -> Counter[str]:
    """Take the room away so many times; return how often what happened."""
    torch.set_num_threads(1)  # a fork takes no other threads with it
    chance, counts = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        data, before = few_digits(Path(name)), Path(name) / "before"
        before.mkdir()
        calls = {"train": calls_of("train", data, before)}
        expected = ending(before / "run")
        calls |= {verb: calls_of(verb, data, copied(before, Path(name) / verb)) for verb in WORK if verb != "train"}
        every = [(verb, i) for verb, number in calls.items() for i in range(1, number + 1)]
        for number, (verb, last) in enumerate(chance.choices(every, k=trials)):
            with tempfile.TemporaryDirectory(dir=name) as place:
                folder = Path(place) if verb == "train" else copied(before, Path(place) / "trial")
                found = trial(verb, last, data, folder, expected)
            print(f"{number + 1}/{trials} {verb}, write {last} of {calls[verb]}: {found}", flush=True)
            counts[found] += 1
    return counts


def copied(folder: Path, to: Path) -> Path:
    """Copy a folder; return where."""
    return Path(shutil.copytree(folder, to))


def calls_of(verb: str, data: Path, folder: Path) -> int:
    """Do a verb on the run in `folder`; return how often it needed room on the disk."""
    counted = folder / "calls"

    def work() -> None:
        room = Room()
        WORK[verb](data, folder / "run")
        number = room.count
        counted.write_text(str(number))

    if end_of(forked(work, folder / "log")):
        raise RuntimeError((folder / "log").read_text())
    return int(counted.read_text())


def trial(verb: str, last: int, data: Path, folder: Path, expected: object) -> str:
    """Do a verb without room from the write number `last` on, and again with room; return what came of it."""
    log = folder / "log"

    def full() -> None:
        Room(last)
        WORK[verb](data, folder / "run")

    code = end_of(forked(full, log))
    if code not in (0, REFUSED):
        print(log.read_text(), flush=True)
        return RAW
    again = end_of(forked(lambda: WORK[verb](data, folder / "run"), log))
    if again not in (0, REFUSED):
        print(log.read_text(), flush=True)
        return RAW
    if again == REFUSED and code == REFUSED:
        print(log.read_text(), flush=True)
        return LOST
    if ending(folder / "run") != expected:
        return WRONG
    return TOLD if code else RIGHT
