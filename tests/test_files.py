"""Files and folders: whole or absent, also where no folder may be replaced (Windows); nothing half-written stays."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import lunette
from conftest import ending, interrupt_at
from lunette import files
from lunette.errors import Interrupted, LunetteError
from lunette.files import ABANDONED_SECONDS, clean, partial_name, this_machine, whole_folder, write, write_folder
from lunette.progress import watched
from lunette.uses.train import resume, train

SETTINGS = {"epochs": 2, "batch_size": 256, "pictures": 0, "network": "mlp:16"}
DEAD = 2**22 + 1  # no system has so many processes


@pytest.fixture(autouse=True, params=["any folder", "no folder"])
def replaceable(request, monkeypatch):
    """What a rename may replace: on Windows no folder, not even an empty one."""
    replace = Path.replace

    def like_windows(path, target):
        if Path(target).is_dir():
            raise PermissionError(errno.EACCES, "Access is denied", str(path))
        return replace(path, target)

    if request.param == "no folder":
        monkeypatch.setattr(Path, "replace", like_windows)
    clean.cache_clear()
    return request.param


def test_a_folder_takes_the_place_of_an_empty_one_or_of_none(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent", "below/another"):
        write_folder(tmp_path / name, {"a": b"1"})
        assert (tmp_path / name / "a").read_bytes() == b"1"
    assert not list(tmp_path.rglob("*.partial"))


def test_a_folder_that_holds_something_stays(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(LunetteError, match="cannot write .*full"):
        write_folder(tmp_path / "full", {"a": b"1"})
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine"]


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    def fail():
        with whole_folder(tmp_path / "out") as folder:
            write(folder / "a", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:.*which is few")
def test_runs_are_made_stopped_gone_on_with_and_taken_elsewhere(tmp_path):
    (tmp_path / "named").mkdir()
    (tmp_path / "runs" / "vae-digits-001").mkdir(parents=True)  # as one was left that never began
    whole = train(**SETTINGS)
    assert str(whole.path) == "runs/vae-digits-001"
    with pytest.raises(Interrupted), watched(interrupt_at(7)):
        train(out="named", **SETTINGS)
    assert ending(resume("named")) == ending(whole)
    lunette.fit_prior(whole, "gaussian", progress=False)
    there = lunette.unpack(lunette.export(whole, "run.zip", progress=False), "there", progress=False)
    assert np.array_equal(np.asarray(lunette.sample(there, 4)), np.asarray(lunette.sample(whole, 4)))
    lunette.pack("digits", "pack", progress=False)
    assert lunette.load("pack").train.pixels.shape == lunette.load("digits").train.pixels.shape
    assert not list(tmp_path.rglob("*.partial"))


def test_two_processes_never_make_the_same_numbered_run(tmp_path, monkeypatch):
    write_one, taken = files.write_folder, []

    def another_is_quicker(path, content):
        if not taken:
            taken.append(path)
            write_one(path, {"run.toml": b"another's"})
        write_one(path, content)

    monkeypatch.setattr("lunette.runs.numbered.write_folder", another_is_quicker)
    run = train(**(SETTINGS | {"epochs": 1}))
    assert (str(taken[0]), str(run.path)) == ("runs/vae-digits-001", "runs/vae-digits-002")
    assert (taken[0] / "run.toml").read_bytes() == b"another's"


def left(folder, name, machine, number, seconds_ago=0.0):
    """What a process left half-written: a file, or where the name ends so, a folder with one in it."""
    parts = [part for part in (name, machine, str(number), "partial") if part]
    path = folder / ("." + ".".join(parts))
    inner = path
    if name.endswith("folder"):
        path.mkdir()
        inner = path / "a"
    inner.write_text("half")
    for each in (inner, path):
        os.utime(each, (time.time() - seconds_ago,) * 2)
    return path


def test_the_next_write_removes_what_a_process_that_is_gone_left(tmp_path):
    old, ours = ABANDONED_SECONDS + 100, this_machine()
    gone = [
        left(tmp_path, "metrics.jsonl", ours, DEAD),
        left(tmp_path, "0003.folder", ours, DEAD),
        left(tmp_path, "of.another.machine.folder", "0123abcd", 1, old),
        left(tmp_path, "of-a-number-that-is-used-again", ours, os.getppid(), old),
        left(tmp_path, "named-as-it-was-before", "", DEAD, old),
    ]
    stay = [
        left(tmp_path, "of-a-process-that-runs", ours, os.getppid()),
        left(tmp_path, "of-another-machine.folder", "0123abcd", 1),
        left(tmp_path, "named-as-before", "", DEAD),
    ]
    mine = tmp_path / ".my.notes.partial"
    mine.write_text("mine")
    os.utime(mine, (0, 0))
    write(tmp_path / "file", "new")
    assert [path.name for path in gone if path.exists()] == []
    assert all(path.exists() for path in (*stay, mine))


def test_what_a_killed_process_left_is_gone_after_the_next_command(tmp_path):
    script = f"""
import os, signal
from pathlib import Path
from lunette import files
files.sync_folder = lambda path: os.kill(os.getpid(), signal.SIGKILL)
files.write_folder(Path({str(tmp_path / "run")!r}), {{"a": b"1"}})
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -9
    assert len(list(tmp_path.glob(".run.*.partial"))) == 1
    write(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_partial_of_this_process_is_not_taken_for_one_that_was_left(tmp_path):
    partial = partial_name(tmp_path / "file")
    partial.touch()
    assert not files.is_left(partial)
