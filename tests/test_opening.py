"""A run in one's hands: opened by its folder, with verbs as methods."""

import copy
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import lunette
from lunette.errors import LunetteError
from lunette.runs import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    settings = {"epochs": 1, "network": "mlp:8", "latent": 2, "pictures": 0, "progress": False}
    return lunette.train("vae", out=tmp_path_factory.mktemp("runs") / "run", **settings)


def test_a_run_is_opened_by_its_folder(run):
    for source in (run.path, str(run.path), run):
        assert lunette.open(source).path == run.path
    assert lunette.load(run.path).path == run.path
    assert len(lunette.load("digits").test) == 180
    with pytest.raises(LunetteError, match="does not exist; lunette train makes one"):
        lunette.open("nowhere")


def test_verbs_that_take_a_run_are_its_methods(run):
    opened = lunette.open(run.path)
    np.testing.assert_array_equal(opened.sample(4, seed=3).images, lunette.sample(run.path, 4, seed=3).images)
    codes = opened.latents(progress=False)
    np.testing.assert_array_equal(codes.arrays()["codes"], lunette.latents(run).arrays()["codes"])
    assert opened.edit(dimension=0, n=2, effects=False, progress=False).images.shape[:2] == (2, 7)
    assert {"sample", "reconstruct", "edit", "anomalies", "evaluate", "fit_prior", "export", "resume"} <= {*dir(opened)}
    assert not {"train", "pack", "doctor", "unpack"} & {*dir(opened)}


def test_what_a_run_has_not_is_said_with_what_it_has(run):
    with pytest.raises(AttributeError, match=r"a run has no 'smaple'; its verbs are .*sample"):
        run.smaple(4)
    assert not hasattr(run, "_repr_png_")


def test_a_run_is_copied_and_pickled(run):
    for other in (copy.copy(run), copy.deepcopy(run), pickle.loads(pickle.dumps(run))):
        assert isinstance(other, Run)
        assert other.path == run.path


STORED = Path(__file__).parent / "stored" / "run"


def test_a_run_of_an_older_format_is_opened_used_and_resumed(tmp_path):
    """It was written in November 2026, before run.toml had a format number: vae, 2 epochs on digits."""
    shutil.copytree(STORED, tmp_path / "run")
    old = lunette.open(tmp_path / "run")
    rows = old.metrics()
    assert old.sample(4, progress=False).images.shape == (4, 1, 8, 8)
    assert old.reconstruct(n=3, progress=False).images.shape == (6, 1, 8, 8)
    again = lunette.resume(old, epochs=4, progress=False)
    assert again.metrics()[: len(rows) - 1] == rows[:-1]  # the last row was of the test pictures
    assert again.metrics()[-1]["loss"] < rows[-1]["loss"]
    assert "format = 1" in (tmp_path / "run" / "run.toml").read_text()
    measured = old.evaluate(["reconstruction"], pictures=20, progress=False)
    assert measured.groups["reconstruction"].numbers


def test_a_run_of_a_newer_format_says_what_to_do(run, tmp_path, monkeypatch):
    shutil.copytree(run.path, tmp_path / "run")
    with monkeypatch.context() as later:
        later.setattr("lunette.runs.settings.FORMAT", 2)
        (tmp_path / "run" / "run.toml").write_text(run.settings.to_toml())
    with pytest.raises(LunetteError, match="format 2, and this Lunette knows up to 1: use a newer one"):
        lunette.open(tmp_path / "run")


def test_training_leaves_the_callers_draws_alone(run, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    settings = {"epochs": 1, "network": "mlp:8", "latent": 2, "pictures": 0, "progress": False}
    trained = lunette.train("vae", out=tmp_path / "run", **settings)
    lunette.resume(trained, epochs=2, progress=False)
    trained.sample(2, progress=False)
    trained.evaluate(["likelihood"], pictures=5, samples=2, progress=False)
    assert torch.equal(torch.rand(3), expected)
