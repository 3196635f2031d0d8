"""A run that may not be written: what it can show is shown, and what cannot be kept is said before the work."""

import builtins
import errno
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import lunette
from lunette.errors import LunetteError, LunetteWarning
from lunette.faces.cli import main
from lunette.progress import watched
from lunette.results.evaluation import Evaluation
from lunette.uses.train import train

REAL_OPEN = io.open  # as another machine has it


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    run = train(out=tmp_path_factory.mktemp("made") / "run", epochs=1, batch_size=256, network="mlp:16", latent=3)
    lunette.fit_prior(run, "gaussian", progress=False)
    return run.path


@pytest.fixture
def read_only(made, tmp_path, monkeypatch):
    """A copy of a run as on a disk that is mounted read-only, which also root may not write to."""
    copy = shutil.copytree(made, tmp_path / "ro")

    def refuse(path):
        if isinstance(path, str | os.PathLike) and copy in (Path(path).absolute(), *Path(path).absolute().parents):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def guarded(call, writes):
        def guarding(path, *args, **more):
            if writes(*args, **more):
                refuse(path)
            return call(path, *args, **more)

        return guarding

    def opens(mode="r", *_, **__):
        return mode[0] not in "r" or "+" in mode

    def flagged(flags, *_, **__):
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))

    monkeypatch.setattr(os, "open", guarded(os.open, flagged))
    monkeypatch.setattr(io, "open", guarded(io.open, opens))
    monkeypatch.setattr(builtins, "open", io.open)
    for name in ("mkdir", "unlink", "rmdir", "rename", "replace"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name), lambda *_, **__: True))
    return copy


@pytest.mark.parametrize(
    "words",
    [
        ["fit-prior", "ro", "--kind", "mixture"],
        ["concept", "add", "ro", "x", "--measure", "slant"],
        ["sample", "ro"],
        ["reconstruct", "ro"],
        ["interpolate", "ro"],
        ["manifold", "ro"],
        ["latents", "ro"],
        ["edit", "ro", "--dimension", "0"],
        ["anomalies", "ro"],
        ["denoise", "ro"],
        ["inpaint", "ro", "--mask", "0,0,2,2"],
        ["resume", "ro", "--epochs", "2"],
    ],
)
def test_what_cannot_be_kept_is_said_before_the_work(read_only, capsys, monkeypatch, words):
    monkeypatch.setattr("lunette.runs.run.Run.trained", lambda *_: pytest.fail("it worked first"))
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "lunette: cannot write ro" in said
    assert "the disk is read-only" in said
    has_out = words[0] not in ("fit-prior", "concept", "resume")
    assert ("--out" in said) == has_out
    assert ("copy the run" in said) != has_out


def test_an_evaluation_is_shown_and_said_not_to_be_kept(read_only, capsys, made):
    with pytest.warns(LunetteWarning, match="the disk is read-only; the numbers are shown here alone"):
        found = lunette.evaluate("ro", "reconstruction", pictures=20, progress=False)
    kept = lunette.evaluate(made, "reconstruction", pictures=20, progress=False)
    assert found.groups["reconstruction"].numbers == kept.groups["reconstruction"].numbers
    assert (found.kept, kept.kept) == (False, True)
    assert main(["evaluate", "ro", "--groups", "codes", "--pictures", "20"]) == 0
    said = capsys.readouterr().out
    assert "codes, of 20 test pictures" in said
    assert "written to" not in said
    assert Evaluation.load(read_only) is None


def test_a_read_only_run_is_exported(read_only, made):
    assert lunette.export("ro", "elsewhere.zip", progress=False).is_file()
    there = lunette.unpack("elsewhere.zip", "there", progress=False)
    assert np.array_equal(np.asarray(lunette.sample(there, 4)), np.asarray(lunette.sample(made, 4)))
    assert main(["sample", "ro", "-o", "sample.png"]) == 0
    assert Path("sample.png").is_file()


def test_a_read_only_run_that_changes_meanwhile_is_not_packed(read_only):
    def trains(at):
        if at.done == 1:
            with REAL_OPEN(read_only / "last", "w") as file:
                file.write("0001")

    with pytest.raises(LunetteError, match="ro changed while it was packed, and nothing was kept"), watched(trains):
        lunette.uses.export.export(read_only, "out.zip")
    assert not Path("out.zip").exists()
