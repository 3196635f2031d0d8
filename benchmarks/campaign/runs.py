"""Damaged files of a run, a pack and a ZIP: bytes changed, cut, emptied, swapped, of other types, in every file.

A small run with all that a run can hold (checkpoints, metrics, priors, a concept, an evaluation), a pack of its
pictures and a ZIP of the run are made once. Each trial damages one file of a copy, the files in turn, and calls the
verbs that read it. What they return is compared with what they return of the whole run: it is the same, told (a
LunetteError, or a LunetteWarning beside something else), or silently wrong, and any other exception is a raw traceback.
A third of the trials on text take its checksum away first, as files from before have none: what these say otherwise
cannot be known, so they count where they are refused or read. So do numbers in metrics.jsonl, which has no checksum.
Afterwards every other file must be what it was; a trial in which one is not counts as lost.
"""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from campaign import LOST, RAW, RIGHT, TOLD, WRONG
from campaign.readers import FILES, GONE_ON, PAGED, PAGES, Verb, make, resumed
from lunette.errors import LunetteError, LunetteWarning

WITHOUT_CHECKSUM = 1 / 3  # of the trials on text
RESUMED = 1 / 10  # of the trials on what training goes on from
SLOW = 1 / 20  # of the trials on what a page is made of
KINDS = ("flip", "flips", "byte", "cut", "longer", "empty", "swap", "folder", "line", "value", "value")
TEXT = (".toml", ".json", ".jsonl", "")
VALUES = ("true", "null", '"x"', '""', "-1", "0", "1e999", "nan", "[]", "{}", "[[1]]", "9" * 20, "1979-05-27")


def damaged(path: Path, others: list[Path], chance: random.Random) -> bool:
    """Damage a file; return whether its meaning can have changed without a sign, as it has no checksum any more."""
    data, text, unknowable = bytearray(path.read_bytes()), path.suffix in TEXT, path.name == "metrics.jsonl"
    if text and chance.random() < WITHOUT_CHECKSUM:
        data = bytearray(re.sub(rb'(?m)^sha256 = .*\n|,\n "sha256": "\w+"(?=\n})', b"", data))
        unknowable = True
    place = chance.randrange(len(data))
    kind = chance.choice(KINDS if text else KINDS[:-3])
    if kind in ("flip", "flips"):
        for _ in range(1 if kind == "flip" else 20):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == "byte":
        data[place] = chance.randrange(256)
    elif kind == "cut":
        del data[place:]
    elif kind == "longer":
        data[place:place] = chance.randbytes(chance.randint(1, 50))
    elif kind == "empty":
        data = bytearray(chance.choice((0, 1, 1000)))
    elif kind == "swap":
        data = bytearray(chance.choice(others).read_bytes())
    elif kind == "line":
        lines = data.splitlines(keepends=True)
        lines[chance.randrange(len(lines))] = chance.choice((bytearray(), *lines))
        data = bytearray(b"".join(lines))
    elif kind == "value":
        places = [match.span() for match in re.finditer(rb'(?<=[=:] )[^,\n{}]+|(?<=")\w+(?="[:,\]])|\d+', data)]
        start, end = chance.choice(places or [(0, len(data))])
        data[start:end] = chance.choice(VALUES).encode()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(data)
    return unknowable


def result(verb: Verb, path: Path) -> tuple[str, object]:
    """Return how a verb ended ("", "warned", "told", "raw"), and what it returned or said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = verb(path)
        except LunetteError as error:
            return "told", str(error)
        except Exception:
            return "raw", traceback.format_exc()
    return "warned" if any(issubclass(each.category, LunetteWarning) for each in said) else "", found


def contents(place: Path, but: Path) -> dict[str, str]:
    """Return the SHA-256 of each file but one, which may be a folder by now."""
    files = (path for path in place.rglob("*") if path.is_file() and path != but and path.name != ".lock")
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def trial(whole: Path, place: Path, name: str, expected: dict[str, object], chance: random.Random) -> str:
    """Return what happens in a trial, in the words of OUTCOMES."""
    shutil.copytree(whole, place, dirs_exist_ok=True)
    path = chance.choice(sorted(place.glob(name)))
    unknowable = damaged(path, sorted(each for each in place.rglob("*") if each.is_file()), chance)
    verbs = dict(FILES[name])
    if name in PAGED and chance.random() < SLOW:
        verbs |= PAGES
    before, ends = contents(place, path), set()
    for verb, call in verbs.items():
        ends.add(judged(verb, *result(call, place / name.split("/")[0]), expected, unknowable))
    if contents(place, path) != before:
        return LOST
    if name.startswith(GONE_ON) and chance.random() < RESUMED:
        ends.add(judged("resume", *result(resumed, place / "run"), expected, unknowable))
    worst = next(end for end in (RAW, WRONG, TOLD, RIGHT) if end in ends)
    if worst in (RAW, WRONG):
        print(f"{worst}: {path.relative_to(place)}", path.read_bytes()[:300] if path.is_file() else "", flush=True)
    return worst


def judged(verb: str, how: str, found: object, expected: dict[str, object], unknowable: bool) -> str:
    """Return in the words of OUTCOMES how a verb ended."""
    if how == "raw":
        print(f"{verb}: {found}", flush=True)
        return RAW
    if how == "told":
        return TOLD
    if unknowable or is_same(found, expected[verb]):
        return RIGHT
    if how != "warned":
        print(f"{verb} returned something else", flush=True)
    return TOLD if how == "warned" else WRONG


def is_same(found: object, expected: object) -> bool:
    """Return whether two results are equal; pictures but for rounding, which depends on where they lie in memory."""
    if isinstance(found, np.ndarray) and isinstance(expected, np.ndarray):
        return found.shape == expected.shape and np.allclose(found, expected, atol=1e-5)
    return bool(found == expected)


def campaign(trials: int, seed: int) -> Counter[str]:
    """Damage every file in turn; return how often what happened."""
    torch.set_num_threads(1)
    chance, counts = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole"
        whole.mkdir()
        make(whole)
        verbs = {verb: (call, name.split("/")[0]) for name, calls in FILES.items() for verb, call in calls.items()}
        verbs |= {verb: (call, "run") for verb, call in PAGES.items()}
        expected = {verb: call(whole / where) for verb, (call, where) in verbs.items()}
        copy = shutil.copytree(whole, Path(name) / "copy")
        expected["resume"] = resumed(copy / "run")
        for i in range(trials):
            with tempfile.TemporaryDirectory(dir=name) as place:
                counts[trial(whole, Path(place), list(FILES)[i % len(FILES)], expected, chance)] += 1
    return counts
