"""Several processes train one model: the same numbers as one, and nothing lost when one of them is."""

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lunette.compute import ProcessGroup
from lunette.errors import LunetteError
from lunette.images import load
from lunette.randomness import noise, part_of_batch, reseed
from lunette.recipes import build
from lunette.runs import Run
from lunette.training import Step, Training, TrainingSettings
from lunette.training.step import parts
from lunette.uses.train import train

SLOW = ["--data", "digits", "--pictures", "0", "--precision", "fp32", "--epochs", "12"]


def lunette(*args, environment=None):
    return subprocess.Popen(
        [sys.executable, "-m", "lunette", *map(str, args)],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that a signal to its group does not reach the tests
    )


def finished(process, code=0):
    out, err = process.communicate(timeout=240)
    assert process.returncode == code, err
    return out + err


def weights(run):
    path = Path(run) / "checkpoints" / (Path(run) / "last").read_text() / "model.safetensors"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def losses(run):
    rows = [json.loads(line) for line in (Path(run) / "metrics.jsonl").read_text().splitlines()]
    return torch.tensor([row["loss"] for row in rows])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A run of two processes, to its end."""
    run = tmp_path_factory.mktemp("two") / "run"
    finished(lunette("train", "vae", *SLOW, "--processes", 2, "--out", run))
    return run


def test_parts_cut_a_batch_among_processes_without_gap_or_overlap():
    for n, size, accumulate in ((128, 1, 1), (128, 2, 1), (96, 5, 2), (3, 2, 2)):
        cuts = [cut for rank in range(size) for cut in parts(n, accumulate, ProcessGroup(rank, size))]
        assert len(cuts) == size * accumulate
        assert [cuts[0][0], *(stop for _, stop in cuts)] == [*(start for start, _ in cuts), n]


def test_an_image_meets_the_same_noise_in_any_part_of_its_batch():
    like = torch.zeros(1)
    for shape, dim in (((10, 1, 4, 4), 0), ((3, 10, 7), -2)):
        reseed(0, "noise")
        whole = noise(torch.randn, shape, like, dim)
        for start, stop in ((0, 4), (4, 9), (9, 10)):
            reseed(0, "noise")
            smaller = list(shape)
            smaller[dim] = stop - start
            with part_of_batch(start, 10):
                part = noise(torch.randn, smaller, like, dim)
            assert part.equal(whole.narrow(dim, start, stop - start))


# How far sums in another order may carry the losses of some steps: a rounding to bfloat16 falls to the other side.
TOLERANCE = {"fp32": 1e-4, "bf16": 5e-3}


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize(
    ("recipe", "settings"), [("vae", {}), ("denoising", {}), ("vae", {"binarize": "dynamic"}), ("conv_vae", {})]
)
def test_accumulation_changes_nothing(tmp_path, with_bf16, recipe, settings, precision):
    runs = [tmp_path / str(accumulate) for accumulate in (1, 3)]
    for run in runs:
        train(recipe, out=run, epochs=2, pictures=0, accumulate=int(run.name), precision=precision, **settings)
    whole, cut = map(losses, runs)
    assert (whole - cut).abs().max() < TOLERANCE[precision] * whole.abs().max()
    assert weights(runs[0]) != weights(runs[1])  # sums in another order: they really were cut


def test_parts_of_mnist_keep_the_losses_of_the_first_fifty_steps(mnist):
    """What two processes do, one after another in this one (the test after this one shows that they are the same)."""
    data = load(mnist)
    curves = []
    for accumulate in (1, 2):
        reseed(0, "weights")
        settings = TrainingSettings(accumulate=accumulate, precision="fp32")
        events = Training(build("vae", data.train.shape), data, settings, torch.device("cpu")).events()
        steps = itertools.islice((event for event in events if isinstance(event, Step)), 50)
        curves.append(torch.stack([torch.stack(list(step.terms.values())).sum() for step in steps]))
    assert ((curves[0] - curves[1]).abs() / curves[0]).max() < 1e-4


def test_two_processes_give_the_losses_of_one(tmp_path, uninterrupted):
    train("vae", out=tmp_path / "one", epochs=12, pictures=0, precision="fp32")
    one, two = losses(tmp_path / "one"), losses(uninterrupted)
    assert ((one - two).abs() / one).max() < 1e-4
    train("vae", out=tmp_path / "cut", epochs=12, pictures=0, accumulate=2, precision="fp32")
    assert weights(tmp_path / "cut") == weights(uninterrupted)


def test_an_adversary_learns_with_two_processes_as_from_two_parts(tmp_path):
    how = ["--data", "digits", "--pictures", "0", "--precision", "fp32", "--epochs", "3", "--network", "mlp:16"]
    finished(lunette("train", "aae", *how, "--processes", 2, "--out", tmp_path / "two"))
    train("aae", out=tmp_path / "cut", epochs=3, pictures=0, accumulate=2, precision="fp32", network="mlp:16")
    assert weights(tmp_path / "cut") == weights(tmp_path / "two")


def test_a_killed_process_is_started_anew_and_the_weights_are_the_same(tmp_path, uninterrupted):
    run = tmp_path / "run"
    launcher = lunette("train", "vae", *SLOW, "--processes", 2, "--max-restarts", 2, "--out", run)
    kill_one(launcher.pid, run)
    finished(launcher)
    assert weights(run) == weights(uninterrupted)
    assert losses(run).equal(losses(uninterrupted))


def test_a_killed_process_without_restarts_ends_with_how_to_go_on(tmp_path, uninterrupted):
    run = tmp_path / "run"
    launcher = lunette("train", "vae", *SLOW, "--processes", 2, "--out", run)
    kill_one(launcher.pid, run)
    assert f"go on with: lunette resume {run}" in finished(launcher, code=2)
    finished(lunette("resume", run, "--processes", 2))
    assert weights(run) == weights(uninterrupted)


def test_a_sharded_model_gives_the_losses_of_one_process(tmp_path, uninterrupted):
    run = tmp_path / "run"
    launcher = lunette("train", "vae", *SLOW, "--processes", 2, "--shard", "--max-restarts", 1, "--out", run)
    kill_one(launcher.pid, run)
    finished(launcher)
    one, sharded = losses(uninterrupted), losses(run)
    assert ((one - sharded).abs() / one).max() < 1e-4


def kill_one(launcher, run):
    """Kill the second of the processes once they have trained three epochs."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (run / "metrics.jsonl").is_file() and len((run / "metrics.jsonl").read_text().splitlines()) >= 6:
            children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
            os.kill(max(map(int, children)), signal.SIGKILL)
            return
        time.sleep(0.02)
    pytest.fail("it never trained")


def test_a_finished_run_is_trained_further_by_several_processes(tmp_path, uninterrupted):
    run = tmp_path / "run"
    train("vae", out=run, epochs=9, pictures=0, accumulate=2, precision="fp32")
    finished(lunette("resume", run, "--epochs", 12, "--processes", 2))
    assert ((losses(run)[-1] - losses(uninterrupted)[-1]).abs()) < 1e-4 * losses(uninterrupted)[-1]
    assert "has done 12 epochs already" in finished(lunette("resume", run, "--epochs", 12, "--processes", 2), code=2)


def test_sigterm_to_the_launcher_saves_and_says_so(tmp_path):
    run = tmp_path / "run"
    launcher = lunette("train", "vae", *SLOW[:-1], 2000, "--processes", 2, "--out", run)
    while not (run / "metrics.jsonl").is_file():
        assert launcher.poll() is None
        time.sleep(0.05)
    launcher.send_signal(signal.SIGTERM)
    assert f"lunette resume {run}" in finished(launcher, code=143)
    assert Run(run).checkpoints.load("last")


@pytest.mark.parametrize(
    ("args", "environment", "words"),
    [
        (["--processes", "200"], {}, "cannot be cut into 200 parts"),
        (["--accumulate", "129"], {}, "cannot be cut into 129 parts"),
        (["--shard"], {}, "there is one process, and --shard parts a model among several"),
        ([], {"SLURM_NTASKS": "4", "SLURM_PROCID": "1"}, "Slurm started 4 copies of this"),
        (["--processes", "3"], {"WORLD_SIZE": "2", "RANK": "0"}, "asks for 3 processes, and 2 were launched"),
    ],
)
def test_what_cannot_be_shared_is_refused_before_anything_is_written(tmp_path, args, environment, words):
    process = lunette("train", "vae", "--data", "digits", "--out", tmp_path / "run", *args, environment=environment)
    assert words in finished(process, code=2)
    assert not (tmp_path / "run").exists()


def test_stages_cannot_be_sharded(tmp_path):
    with pytest.raises(LunetteError, match="cannot train a recipe in stages"):
        train("stacked", out=tmp_path / "run", processes=2, shard=True)
    assert not (tmp_path / "run").exists()


def test_a_part_of_a_step_needs_a_picture():
    with pytest.raises(LunetteError, match="accumulate must be at least 1"):
        TrainingSettings(accumulate=0)
