"""Whether damaged files of a run are told: bytes changed, cut, emptied, swapped, of other types, in every file.

    python benchmarks/damaged.py [TRIALS] [SEED]

A small run with all that a run can hold (checkpoints, metrics, priors, a concept, an evaluation), a pack of its
pictures and a ZIP of the run are made once. Each trial damages one file of a copy, the files in turn, and calls the
verbs that read it. What they return is compared with what they return of the whole run: it is the same, told (a
LunetteError, or a LunetteWarning beside something else), or silently wrong, and any other exception is a raw traceback.
A third of the trials on text take its checksum away first, as files from before have none: what these say otherwise
cannot be known, so they count where they are refused or read. So do numbers in metrics.jsonl, which has no checksum.
Afterwards every other file must be what it was; a trial in which one is not counts as lost. Prints a table, writes
damaged.json, and ends with code 1 if any trial was silently wrong, lost or ended in a raw traceback.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
import re
import shutil
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import lunette
from lunette.errors import LunetteError, LunetteWarning
from lunette.images import load
from lunette.runs import REPORT, Run, write
from lunette.uses.comparison import compare
from lunette.uses.curves import curves
from lunette.uses.evaluation import Evaluation
from lunette.uses.export import unpack
from lunette.uses.report import report
from lunette.uses.train import resume
from report import write_results

DIGITS = 74
SETTINGS: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 16,
    "pictures": 0,
    "precision": "fp32",
    "latent": 3,
    "network": "mlp:16",
}
WITHOUT_CHECKSUM = 1 / 3  # of the trials on text
RESUMED = 1 / 10  # of the trials on what training goes on from
SLOW = 1 / 20  # of the trials on what a page is made of
KINDS = ("flip", "flips", "byte", "cut", "longer", "empty", "swap", "folder", "line", "value", "value")
TEXT = (".toml", ".json", ".jsonl", "")
VALUES = ("true", "null", '"x"', '""', "-1", "0", "1e999", "nan", "[]", "{}", "[[1]]", "9" * 20, "1979-05-27")
COLUMNS = ("trials", "the same", "told", "silently wrong", "lost", "raw tracebacks")
Verb = Callable[[Path], object]


def picture(run: Path, **how: Any) -> object:
    """Return what `sample` draws."""
    return np.asarray(lunette.sample(run, 4, **how))


def resumed(run: Path) -> object:
    """Return the weights that a run goes on to."""
    return resume(run, epochs=SETTINGS["epochs"] + 1).checkpoints.load().sha256


def unpacked(file: Path) -> object:
    """Return what is drawn of a run that was packed."""
    out = file.with_name("unpacked")
    try:
        return picture(unpack(file, out).path)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def packed(folder: Path) -> object:
    """Return all that is known of the pictures of a pack."""
    images = load(folder).train
    assert images.labels is not None
    return images.pixels[:].numpy().tobytes(), images.labels.tolist(), images.label_names


def settings(run: Path) -> object:
    """Return run.toml's content, but for the places that may be changed by hand."""
    found = Run(run).settings
    return repr(dataclasses.replace(found, source="", training=dataclasses.replace(found.training, device="")))


WEIGHTS: Mapping[str, Verb] = {
    "sample": picture,
    "reconstruct": lambda run: np.asarray(lunette.reconstruct(run, n=4, checkpoint="best")),
}
PRIORS: Mapping[str, Verb] = {
    "the newest prior": lambda run: Run(run).priors.load().kind,
    "the gaussian prior": lambda run: picture(run, prior="gaussian"),
    "the prior that knows labels": lambda run: picture(run, prior="flow-matching", label="3"),
}
CONCEPTS: Mapping[str, Verb] = {
    "concept list": lambda run: repr(lunette.concepts(run)),
    "edit": lambda run: lunette.edit(run, concept="lean", n=2, drift=False, progress=False).images,
}
EVALUATION: Mapping[str, Verb] = {"evaluation": lambda run: repr(Evaluation.load(run))}
METRICS: Mapping[str, Verb] = {
    "metrics": lambda run: [len(Run(run).metrics()), Run(run).training_seconds()][:0],
    "is finished": lambda run: [Run(run).is_finished][:0],
}
PAGES: Mapping[str, Verb] = {
    "curves": lambda run: [curves(Run(run))][:0],
    "report": lambda run: [report(Run(run), Run(run).model())][:0],
    "compare": lambda run: [compare([run, run.with_name("other")]).page()][:0],
}
RUN: Mapping[str, Verb] = {"settings": settings, **WEIGHTS, **PRIORS, **CONCEPTS, **EVALUATION, **METRICS}
GOING_ON: Mapping[str, Verb] = {"resume": resumed}
CHECKPOINT = "run/checkpoints/*/"
FILES: Mapping[str, Mapping[str, Verb]] = {
    "run/run.toml": RUN,
    "run/metrics.jsonl": METRICS,
    "run/last": WEIGHTS,
    "run/best": WEIGHTS,
    f"{CHECKPOINT}manifest.json": WEIGHTS,
    f"{CHECKPOINT}state.json": WEIGHTS,
    f"{CHECKPOINT}model.safetensors": WEIGHTS,
    f"{CHECKPOINT}optimizer.safetensors": WEIGHTS,
    "run/priors/*.toml": PRIORS,
    "run/priors/*.safetensors": PRIORS,
    "run/concepts/*.toml": CONCEPTS,
    "run/concepts/*.safetensors": CONCEPTS,
    "run/evaluation.json": EVALUATION,
    "pack/pack.json": {"load": packed},
    "pack/*.npy": {"load": packed},
    "packed.zip": {"unpack": unpacked},
}
PAGED = ("run/metrics.jsonl", "run/evaluation.json")
GONE_ON = ("run/run.toml", "run/metrics.jsonl", "run/last", "run/best", CHECKPOINT)


def make(place: Path) -> None:
    """Make a run, another one, a pack and a ZIP in `place`."""
    data, digits = place / "digits.npz", load("digits").train
    assert digits.labels is not None
    np.savez(data, images=digits.pixels[:DIGITS].numpy(), labels=digits.labels[:DIGITS].numpy())
    for name in ("run", "other"):
        run = lunette.train("vae", data, out=place / name, progress=False, **SETTINGS)
    lunette.fit_prior(place / "run", "flow-matching", steps=20, progress=False)
    lunette.fit_prior(place / "run", "gaussian", progress=False)
    lunette.add_concept(place / "run", "lean", measure="slant", progress=False)
    lunette.evaluate(place / "run", "reconstruction", progress=False)
    write(run.path / REPORT, "")
    for name in ("run", "other"):
        shutil.rmtree(place / name / "pictures")
    lunette.pack(data, place / "pack", progress=False)
    lunette.export(place / "run", place / "packed.zip", progress=False)


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


def trial(whole: Path, place: Path, name: str, expected: dict[str, object], chance: random.Random) -> Iterator[str]:
    """Yield what happens in a trial, in the words of COLUMNS."""
    yield "trials"
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
        yield "lost"
    if name.startswith(GONE_ON) and chance.random() < RESUMED:
        ends.add(judged("resume", *result(resumed, place / "run"), expected, unknowable))
    worst = next(end for end in ("raw tracebacks", "silently wrong", "told", "the same") if end in ends)
    if worst in ("raw tracebacks", "silently wrong"):
        print(f"{worst}: {path.relative_to(place)}", path.read_bytes()[:300] if path.is_file() else "", flush=True)
    yield worst


def judged(verb: str, how: str, found: object, expected: dict[str, object], unknowable: bool) -> str:
    """Return in the words of COLUMNS how a verb ended."""
    if how == "raw":
        print(f"{verb}: {found}", flush=True)
        return "raw tracebacks"
    if how == "told":
        return "told"
    if unknowable or is_same(found, expected[verb]):
        return "the same"
    if how != "warned":
        print(f"{verb} returned something else", flush=True)
    return "told" if how == "warned" else "silently wrong"


def is_same(found: object, expected: object) -> bool:
    """Return whether two results are equal; pictures but for rounding, which depends on where they lie in memory."""
    if isinstance(found, np.ndarray) and isinstance(expected, np.ndarray):
        return found.shape == expected.shape and np.allclose(found, expected, atol=1e-5)
    return bool(found == expected)


def main(trials: int, seed: int) -> int:
    """Hit every file in turn; return the exit code."""
    torch.set_num_threads(1)
    chance = random.Random(seed)
    counts: dict[str, Counter[str]] = {name: Counter() for name in FILES}
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
            file = list(FILES)[i % len(FILES)]
            with tempfile.TemporaryDirectory(dir=name) as place:
                counts[file] += Counter(trial(whole, Path(place), file, expected, chance))
    counts["all"] = sum(counts.values(), Counter())
    write_results("damaged", [{"file": file, **{c: count[c] for c in COLUMNS}} for file, count in counts.items()])
    return int(any(counts["all"][bad] for bad in ("silently wrong", "lost", "raw tracebacks")))


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:]]
    sys.exit(main(*(given + [600, 0][len(given) :])))
