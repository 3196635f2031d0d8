"""The run folder: whole after any interruption, honest about damage, closed to a second process."""

import errno
import hashlib
import json
import os
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import lunette
from conftest import ending, interrupt_at, rows
from lunette.errors import Diverged, Interrupted, LunetteError, LunetteWarning
from lunette.files import write_folder
from lunette.progress import watched
from lunette.runs import Run, checkpoints, write
from lunette.runs.checkpoints import Checkpoints
from lunette.training import EpochEnd
from lunette.uses.fit_prior import fit_prior
from lunette.uses.train import resume, train

SETTINGS = {"epochs": 4, "batch_size": 256, "pictures": 0, "network": "mlp:32"}


def hear_hangups():
    """Let the process that is about to begin hear SIGHUP, though its tests may run under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def command(*args, **kwargs):
    kwargs = {"preexec_fn": hear_hangups} | kwargs
    return subprocess.Popen(
        [sys.executable, "-m", "lunette", *map(str, args)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, **kwargs,
    )  # fmt: skip


def flags(settings):
    return [part for name, value in settings.items() for part in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return train(out=tmp_path_factory.mktemp("run") / "whole", **SETTINGS)


def test_the_folder_has_what_it_promises(finished):
    names = {path.name for path in finished.path.iterdir()}
    assert {"run.toml", "metrics.jsonl", "checkpoints", "last", "best", "pictures", "report.html"} <= names
    assert len(finished.checkpoints.names()) in (2, 3)
    folder = finished.path / "checkpoints" / finished.checkpoints.pointer("last")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest) == {"model.safetensors", "optimizer.safetensors", "state.json"}
    for name, expected in manifest.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected
    splits = [row["split"] for row in rows(finished)]
    assert splits == ["train", "validation"] * 4 + ["test"]
    last = rows(finished)[-1]
    assert last["loss"] == pytest.approx(last["distortion"] + last["rate"])
    assert last["weights"] == {"distortion": 1.0, "rate": 1.0}


def test_settings_survive_the_file(finished):
    again = Run(finished.path).settings
    assert again == finished.settings
    assert again.arguments["network"] == "mlp:32"
    assert again.facts["train"] + again.facts["validation"] + again.facts["test"] == 1797


def test_saved_and_loaded_models_agree_to_the_bit(finished):
    x = finished.dataset.test.pixels[:50].float() / 255
    one, two = finished.model(device="cpu"), Run(finished.path).model(device="cpu")
    assert one.encode(x)[0].equal(two.encode(x)[0])
    assert one.decode(one.encode(x)).mean.equal(two.decode(two.encode(x)).mean)


@pytest.mark.parametrize("step", [1, 6, 9, 12, 17, 24])
def test_a_stopped_run_goes_on_to_the_same_bits(finished, tmp_path, step):
    words = f"after step {step}; go on with: lunette resume"
    with pytest.raises(Interrupted, match=words) as stop, watched(interrupt_at(step)):
        train(out=tmp_path / "run", **SETTINGS)
    assert stop.value.exit_code == 143
    assert Run(tmp_path / "run").checkpoints.load().state["position"]["step"] == step
    resumed = resume(tmp_path / "run")
    assert ending(resumed) == ending(finished)


def test_a_stop_at_the_end_of_an_epoch_loses_no_pictures(tmp_path):
    def watch(event):
        if isinstance(event, EpochEnd) and event.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="SIGINT: saved at the end of epoch 2"), watched(watch):
        train(out=tmp_path / "run", **(SETTINGS | {"pictures": 2}))
    resumed = resume(tmp_path / "run")
    assert (resumed.pictures / "samples-0002.png").is_file()


def test_a_run_stopped_before_its_first_checkpoint_begins_again(finished, tmp_path):
    copy = shutil.copytree(finished.path, tmp_path / "run")
    for name in ("checkpoints", "pictures"):
        shutil.rmtree(copy / name)
    for name in ("last", "best", "metrics.jsonl", "report.html"):
        (copy / name).unlink()
    resumed = resume(copy)
    assert ending(resumed) == ending(finished)


def test_a_crash_between_best_and_last_is_made_good(tmp_path, monkeypatch):
    settings = SETTINGS | {"patience": 3, "epochs": 200, "learning_rate": 0.03}
    whole = train(out=tmp_path / "whole", **settings)
    stopped = tmp_path / "stopped"
    point = Checkpoints.point

    def crash(checkpoints, which, name):
        if which == "last" and int(name) == 5:
            raise KeyboardInterrupt
        point(checkpoints, which, name)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "point", crash)
        with pytest.raises(KeyboardInterrupt):
            train(out=stopped, **settings)
    resumed = resume(stopped)
    assert ending(resumed) == ending(whole)
    with pytest.raises(LunetteError, match="train anew with a larger --patience"):
        resume(stopped, epochs=300)


def test_stages_and_patience_go_on_too(tmp_path):
    settings = {
        "recipe": "stacked",
        "pretraining": 2,
        "epochs": 40,
        "patience": 2,
        "learning_rate": 0.02,
        "pictures": 0,
    }
    whole = train(out=tmp_path / "whole", **settings)
    assert whole.checkpoints.pointer("last") == whole.checkpoints.pointer("best")
    for step in (3, 30, 60, 80):
        with pytest.raises(Interrupted), watched(interrupt_at(step)):
            train(out=tmp_path / f"at-{step}", **settings)
        resumed = resume(tmp_path / f"at-{step}")
        assert ending(resumed) == ending(whole)


def test_a_killed_run_goes_on_to_the_same_bits(finished, tmp_path):
    generator = np.random.default_rng(0)
    for i in range(2):
        process = command("train", "vae", "--out", tmp_path / f"run-{i}", *flags(SETTINGS | {"epochs": 400}))
        wait_for(lambda: (tmp_path / f"run-{i}" / "last").is_file(), process)  # noqa: B023
        time.sleep(generator.uniform(0.05, 0.5))
        process.kill()
        process.communicate()
        done = len(Run(tmp_path / f"run-{i}").metrics()) // 2  # none, where it was slow
        expected = train(out=tmp_path / f"whole-{i}", **(SETTINGS | {"epochs": done + 2}))
        resumed = resume(tmp_path / f"run-{i}", epochs=done + 2)
        assert ending(resumed) == ending(expected)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_how_to_go_on(tmp_path, number, code):
    process = command("train", "--out", tmp_path / "run", *flags(SETTINGS | {"epochs": 100_000}))
    wait_for(lambda: (tmp_path / "run" / "last").is_file(), process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert f"go on with: lunette resume {tmp_path / 'run'}" in errors
    assert "Traceback" not in errors
    assert not list((tmp_path / "run").rglob("*.partial"))
    Run(tmp_path / "run").model()


def test_a_terminal_that_is_closed_stops_training_and_nohup_does_not(tmp_path):
    child, terminal = pty.fork()
    if not child:
        hear_hangups()
        words = ["-m", "lunette", "train", "--out", tmp_path / "run", *flags(SETTINGS | {"epochs": 100_000})]
        os.execv(sys.executable, [sys.executable, *map(str, words)])
    end = time.monotonic() + 60
    while not (tmp_path / "run" / "metrics.jsonl").is_file() and time.monotonic() < end:
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 10_000)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 129
    Run(tmp_path / "run").model()

    process = command(
        "train", "--out", tmp_path / "kept", *flags(SETTINGS | {"epochs": 100_000}),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    wait_for(lambda: (tmp_path / "kept" / "metrics.jsonl").is_file(), process)
    process.send_signal(signal.SIGHUP)
    before = (tmp_path / "kept" / "last").read_text()
    wait_for(lambda: (tmp_path / "kept" / "last").read_text() > before, process)
    process.kill()
    process.communicate()


def test_a_checkpoint_that_training_removes_is_looked_for_anew(tmp_path, monkeypatch):
    run = train(out=tmp_path / "run", **(SETTINGS | {"epochs": 2}))
    for which in ("last", "best"):
        before, loaded = checkpoints.read, run.checkpoints.load()

        def removed(folder, whole=before, loaded=loaded):
            monkeypatch.setattr(checkpoints, "read", whole)
            for _ in range(2):
                run.checkpoints.save(loaded, best=True)
            shutil.rmtree(folder, ignore_errors=True)
            return whole(folder)

        monkeypatch.setattr(checkpoints, "read", removed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert run.checkpoints.load(which).name == run.checkpoints.pointer(which)


def test_a_loaded_checkpoint_needs_its_folder_no_more(tmp_path):
    run = train(out=tmp_path / "run", **(SETTINGS | {"epochs": 2}))
    loaded = run.checkpoints.load()
    kept = hashlib.sha256((run.path / "checkpoints" / loaded.name / "model.safetensors").read_bytes()).hexdigest()
    work = lunette.uses.fit_prior.codes

    def codes(*args):
        shutil.rmtree(run.path / "checkpoints")
        return work(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lunette.uses.fit_prior.codes", codes)
        prior = fit_prior(run, "gaussian")
    assert prior.checkpoint_sha256 == loaded.sha256 == kept == hashlib.sha256(loaded.weights).hexdigest()
    assert run.priors.load() == prior


def test_a_pointer_that_names_nothing_is_told(tmp_path):
    run = train(out=tmp_path / "run", **(SETTINGS | {"epochs": 2}))
    newest = run.checkpoints.names()[-1]
    for damage in (b"", b"\xff", b"0099", b"../..", b"0001\n0002"):
        for which in ("last", "best"):
            (run.path / which).write_bytes(damage)
        with pytest.warns(LunetteWarning, match=f"last cannot be read as the name of a .*taking checkpoint {newest}"):
            assert run.trained().name == newest
        with pytest.raises(LunetteError, match="best cannot be read as the name of a checkpoint"):
            run.model("best")
    with pytest.raises(LunetteError, match="best cannot be read"):  # before it is needed
        resume(run.path, epochs=3)


def test_rows_that_are_lost_are_told(tmp_path):
    run = train(out=tmp_path / "run", **(SETTINGS | {"epochs": 2}))
    path = run.path / "metrics.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    with pytest.warns(LunetteWarning, match=r"metrics\.jsonl has lost 2 rows"):
        assert len(resume(run.path, epochs=3).metrics()) == 5


def test_a_second_process_is_refused(tmp_path):
    process = command("train", "--out", tmp_path / "run", *flags(SETTINGS | {"epochs": 100_000}))
    wait_for(lambda: (tmp_path / "run" / "last").is_file(), process)
    try:
        second = command("resume", tmp_path / "run")
        _, errors = second.communicate(timeout=60)
        assert second.returncode == 2
        assert "another process is training in" in errors
        third = command("resume", tmp_path / "run", "--epochs", 7)
        third.communicate(timeout=60)
        assert third.returncode == 2
        assert Run(tmp_path / "run").settings.training.epochs == 100_000
    finally:
        process.kill()
        process.communicate()


def test_a_finished_run_trains_on_only_when_told_how_far(finished, tmp_path):
    with pytest.raises(LunetteError, match="has done all its 4 epochs; train on with --epochs"):
        resume(finished.path)
    short = train(out=tmp_path / "short", **(SETTINGS | {"epochs": 2}))
    longer = resume(short, epochs=4)
    assert ending(longer) == ending(finished)


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"])
def test_a_flipped_byte_is_named_and_the_generation_before_is_taken(tmp_path, file):
    run = train(out=tmp_path / "run", **(SETTINGS | {"epochs": 2}))
    expected = rows(train(out=tmp_path / "expected", **(SETTINGS | {"epochs": 3})))
    last = run.checkpoints.pointer("last")
    path = run.path / "checkpoints" / last / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.warns(LunetteWarning, match=rf"{last}.* cannot be read .*taking checkpoint {int(last) - 1:04d}"):
        run.model()
    with pytest.raises(LunetteError, match="cannot be read"):
        run.model(checkpoint=last)
    with pytest.warns(LunetteWarning, match="cannot be read"):
        resumed = resume(run.path, epochs=3)
    assert rows(resumed) == expected


def test_a_run_without_a_whole_checkpoint_says_so(tmp_path):
    run = train(out=tmp_path / "run", **(SETTINGS | {"epochs": 1}))
    for path in run.path.glob("checkpoints/*/model.safetensors"):
        path.write_bytes(b"")
    with pytest.raises(LunetteError, match="has no whole checkpoint"):
        run.model()
    with pytest.raises(LunetteError, match="has no checkpoint '77'; it has last, best, 0001, 0002"):
        run.model("77")


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(LunetteError, match="does not exist"):
        Run(tmp_path / "nothing")
    with pytest.raises(LunetteError, match="has no run.toml"):
        Run(tmp_path)
    (tmp_path / "run.toml").write_text("recipe = 3 [")
    with pytest.raises(LunetteError, match="cannot be read as a run's settings"):
        Run(tmp_path)


def test_an_existing_folder_is_not_written_into(finished):
    with pytest.raises(LunetteError, match="exists already: choose another --out, or go on with lunette resume"):
        train(out=finished.path, **SETTINGS)


def test_default_folders_are_numbered(tmp_path):
    first, second = (train(**(SETTINGS | {"epochs": 1})) for _ in range(2))
    assert (str(first.path), str(second.path)) == ("runs/vae-digits-001", "runs/vae-digits-002")


def test_nothing_is_written_for_a_mistake(tmp_path):
    for mistake in ({"latent": 0}, {"epochs": 0}, {"data": "nowhere"}, {"recipe": "vea"}, {"latnt": 3}):
        with pytest.raises(LunetteError):
            train(out=tmp_path / "run", **mistake)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizer": "adagrad"}, "optimizer cannot be 'adagrad'"),
        ({"schedule": "linear"}, "schedule cannot be 'linear'"),
        ({"latent": "20"}, "latent cannot be '20'"),
        ({"latent": 10**14}, "cannot build vae"),
        ({"epochs": 1.5}, "epochs cannot be 1.5"),
        ({"binarize": "x"}, "binarize cannot be 'x'"),
        ({"device": "meta"}, "cannot use the device 'meta'"),
        ({"recipe": "beta_vae", "beta": float("nan")}, "the weight of the rate must be 0 or more"),
        ({"recipe": "beta_vae", "beta": 0.0, "distortion_weight": 0.0}, "nothing to train"),
        ({"data": {1: 2}}, "pictures come from a name, a path, an array"),
        ({"out": "."}, "is no name for a run folder"),
    ],
)
def test_settings_of_the_wrong_kind_are_refused(tmp_path, settings, words):
    with pytest.raises(LunetteError, match=words):
        train(**({"out": tmp_path / "run"} | settings))
    assert not list(tmp_path.iterdir())


def test_a_run_is_found_from_any_folder(tmp_path, monkeypatch):
    np.save(tmp_path / "pixels.npy", np.zeros((60, 8, 8), np.uint8))
    run = train(data="pixels.npy", out=tmp_path / "run", **(SETTINGS | {"epochs": 1}))
    monkeypatch.chdir("/")
    assert len(Run(run.path).dataset.train) == 49


def test_weights_that_overflow_are_never_saved(tmp_path):
    for optimizer, rate in (("adam", 3e38), ("sgd", 1e38)):
        settings = {"epochs": 2, "batch_size": 4096, "optimizer": optimizer, "learning_rate": rate}
        with pytest.raises(Diverged, match="not finite|loss is|is nan|is inf"):
            train("gaussian_vae", out=tmp_path / optimizer, **settings)
        assert all(p.isfinite().all() for p in Run(tmp_path / optimizer).model().parameters())


def test_arrays_are_kept_in_the_run(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
    run = train(data=pixels, out=tmp_path / "run", **(SETTINGS | {"epochs": 1}))
    moved = tmp_path / "elsewhere"
    run.path.rename(moved)
    assert Run(moved).dataset.facts["sha256"] == run.settings.facts["sha256"]
    assert rows(resume(moved, epochs=2))[-1]["epoch"] == 2


def test_changed_data_stops_a_resume(tmp_path):
    np.save(tmp_path / "pixels.npy", np.zeros((60, 8, 8), np.uint8))
    run = train(data=tmp_path / "pixels.npy", out=tmp_path / "run", **(SETTINGS | {"epochs": 1}))
    np.save(tmp_path / "pixels.npy", np.ones((60, 8, 8), np.uint8))
    with (
        pytest.warns(LunetteWarning, match="is not what"),
        pytest.raises(LunetteError, match="cannot go on: the data"),
    ):
        resume(run.path, epochs=2)


def test_a_full_disk_is_named_and_leaves_nothing_half_written(tmp_path):
    path = tmp_path / "file"
    write(path, "old")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(LunetteError, match="cannot write .*file: the file is larger than this system allows"):
            write(path, b"x" * 5000)
        with pytest.raises(LunetteError, match="cannot write"):
            write_folder(tmp_path / "folder", {"a": b"x" * 10, "b": b"x" * 5000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "the disk is full; make room"), (errno.EROFS, "the disk is read-only")],
)
def test_disk_trouble_in_training_keeps_the_checkpoints_before(tmp_path, monkeypatch, number, words):
    run = train(out=tmp_path / "run", **(SETTINGS | {"epochs": 2}))
    before = run.checkpoints.names()

    def refuse(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(LunetteError, match=words):
        resume(run.path, epochs=3)
    monkeypatch.undo()
    assert run.checkpoints.names() == before
    assert not list(run.path.rglob("*.partial"))
    run.model()


def test_diverging_leaves_the_last_finite_checkpoint(tmp_path):
    out = tmp_path / "run"
    process = command(
        "train", "gaussian_vae", "--out", out, *flags(SETTINGS | {"learning_rate": 1e12, "optimizer": "sgd"})
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "training diverged at step" in errors
    assert all(p.isfinite().all() for p in Run(out).model().parameters())


def test_runs_are_shown_as_their_path(finished):
    assert repr(finished) == f"Run({str(finished.path)!r})"
    assert isinstance(finished, lunette.Run)
    assert isinstance(finished.path, Path)


def wait_for(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
