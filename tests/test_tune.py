"""The search: what it may vary, that it finds, prunes, goes on, and never looks at test pictures."""

import os
import shlex
import signal
import sys

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from PIL import Image

import lunette
from lunette.errors import Interrupted, LunetteError
from lunette.faces.cli import main
from lunette.images import load
from lunette.progress import watched
from lunette.runs import Run
from lunette.uses.tune.search_space import ELBO, search_space
from lunette.uses.tune.study import Study, Trial
from lunette.uses.tune.tune import losses, tune

QUICK = {"epochs": 2, "network": "mlp:8", "batch_size": 16}
VARY = {"learning_rate": "1e-6..3e-2", "beta": "0.5..4", "latent": [2, 8]}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A few digits with test pictures of their own, and the same with others."""
    folder = tmp_path_factory.mktemp("data")
    pixels = load("digits").train.pixels.numpy()[:180]
    np.savez(folder / "one.npz", images=pixels, x_test=pixels[:20])
    np.savez(folder / "other.npz", images=pixels, x_test=255 - pixels[:20])
    return folder


@pytest.fixture(scope="module")
def study(archive, tmp_path_factory):
    out = tmp_path_factory.mktemp("studies") / "one"
    return tune("vae", archive / "one.npz", vary=VARY, trials=8, out=out, **QUICK)


@pytest.mark.parametrize(
    ("name", "values", "space"),
    [
        ("latent", "2..64", IntDistribution(2, 64, log=True)),
        ("latent", "2..8", IntDistribution(2, 8)),
        ("latent", "8,16", CategoricalDistribution((8, 16))),
        ("beta", "0.5..4", FloatDistribution(0.5, 4.0)),
        ("beta", "0..4", FloatDistribution(0.0, 4.0)),
        ("learning_rate", "1e-4..1e-2", FloatDistribution(1e-4, 1e-2, log=True)),
        ("clip", "none,1", CategoricalDistribution((None, 1.0))),
        ("clip", "0.1..0.9", FloatDistribution(0.1, 0.9)),
        ("graph", "true,false", CategoricalDistribution((True, False))),
        ("schedule", "constant,one-cycle", CategoricalDistribution(("constant", "one-cycle"))),
        ("network", "mlp:256,128,conv:32,64/2", CategoricalDistribution(("mlp:256,128", "conv:32,64/2"))),
        ("network", ["mlp:8", "mlp:9"], CategoricalDistribution(("mlp:8", "mlp:9"))),
    ],
)  # fmt: skip
def test_what_is_varied_is_read_by_its_type(name, values, space):
    assert search_space("vae", {name: values}) == {name: space}


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({}, "needs something to vary"),
        ({"latnt": "2..8"}, "unknown setting to vary 'latnt'; did you mean 'latent'"),
        ({"latent": "8..2"}, "cannot vary latent as '8..2'"),
        ({"latent": "2..x"}, "cannot vary latent"),
        ({"latent": "8"}, "two choices or more"),
        ({"latent": "8,8"}, "two choices or more"),
        ({"network": "mlp:2..mlp:4"}, "cannot vary network"),
        ({"likelihood": "bernoulli,normal"}, "likelihood cannot be varied: nats under"),
        ({"binarize": "none,dynamic"}, "binarize cannot be varied: nats under"),
        ({"seed": "1..5"}, "luck"),
    ],
)
def test_what_cannot_be_varied_is_refused(vary, message):
    with pytest.raises(LunetteError, match=message):
        search_space("vae", vary)


@pytest.mark.parametrize(
    ("recipe", "vary", "message"),
    [
        ("rae", {"code_weight": "0.01..0.1"}, "a part of what the loss of rae measures"),
        ("denoising", {"level": "0.1..0.5"}, "level cannot be varied"),
        ("sparse", {"target": "0.05..0.2"}, "target cannot be varied"),
        ("iwae", {"samples": "2..20"}, "samples cannot be varied"),
        ("vae", {"latent": "0..4"}, "latent must be greater than 0"),
        ("vae", {"epochs": "0..4"}, "epochs must be at least 1"),
        ("vae", {"schedule": "constant,cosy"}, "schedule cannot be 'cosy'"),
    ],
)
def test_what_makes_no_trial_is_refused_before_anything_is_written(tmp_path, recipe, vary, message):
    with pytest.raises(LunetteError, match=message):
        tune(recipe, vary=vary, **QUICK)
    with pytest.raises(LunetteError, match="leave --validation above 0"):
        tune("vae", vary={"latent": "2..4"}, validation=0.0)
    assert not list(tmp_path.iterdir())


def test_it_finds_the_known_better_value_and_prunes(study):
    assert study.best.settings["learning_rate"] > 3e-3  # too small a one learns nothing in two epochs
    assert study.best.loss == min(trial.loss for trial in study.trials)
    outcomes = [trial.outcome for trial in study.trials]
    assert len(outcomes) == 8
    assert "pruned" in outcomes
    assert [len(losses(trial.run)) < 2 for trial in study.trials] == [outcome == "pruned" for outcome in outcomes]
    assert len(study.complete) == outcomes.count("complete")


def test_trials_are_compared_by_the_unweighted_bound(study):
    assert study.measure == ELBO
    for trial in study.trials:
        last = [row for row in trial.run.metrics() if row["split"] == "validation"][-1]
        assert trial.loss == last["distortion"] + last["rate"]
        assert last["weights"]["rate"] == pytest.approx(trial.settings["beta"])
        assert trial.run.settings.arguments["latent"] == trial.settings["latent"]


def test_with_patience_a_trial_counts_as_its_best_epoch(archive):
    how = QUICK | {"epochs": 30, "patience": 1, "learning_rate": 0.1}
    found = tune("vae", archive / "one.npz", vary={"latent": [2, 3]}, trials=2, **how)
    assert len(found.complete) == 2
    for trial in found.complete:
        rows = [row for row in trial.run.metrics() if row["split"] == "validation"]
        assert trial.loss == min(row["loss"] for row in rows) < rows[-1]["loss"]
        assert len(rows) < 30


def test_test_pictures_are_never_looked_at(study, archive, tmp_path):
    other = tune("vae", archive / "other.npz", vary=VARY, trials=8, out=tmp_path / "other", **QUICK)
    assert [trial.loss for trial in other.trials] == [trial.loss for trial in study.trials]
    for trial in study.trials:
        assert {row["split"] for row in trial.run.metrics()} == {"train", "validation"}
        assert not (trial.path / "pictures").exists()


def test_it_goes_on_as_if_it_had_never_stopped(study, archive, tmp_path):
    def search(trials, watch=None):
        with watched(watch):
            return tune("vae", archive / "one.npz", vary=VARY, trials=trials, out=tmp_path / "study", **QUICK)

    def stop(progress):
        if (
            progress.what.startswith("epochs")
            and progress.done == 1
            and len(list((tmp_path / "study/trials").iterdir())) == 3
        ):
            os.kill(os.getpid(), signal.SIGINT)

    assert len(search(2).trials) == 2
    with pytest.raises(Interrupted, match="SIGINT.*go on with the same command"):
        search(6, stop)
    found = search(6)
    assert [trial.loss for trial in found.trials] == [trial.loss for trial in study.trials[:6]]
    assert [trial.number for trial in found.trials] == list(range(6))
    assert len(search(3).trials) == 6  # it has more already
    with pytest.raises(LunetteError, match="has another vary"):
        tune("vae", archive / "one.npz", vary={"latent": "2..4"}, out=tmp_path / "study", **QUICK)
    with pytest.raises(LunetteError, match="has another training"):
        tune("vae", archive / "one.npz", vary=VARY, out=tmp_path / "study", **QUICK | {"epochs": 3})


def test_it_goes_on_after_a_kill_in_the_midst_of_an_entry(study, archive, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # Optuna's lock links to a relative name, which leads nowhere from where it lies
    tune("vae", archive / "one.npz", vary=VARY, trials=1, out="study", **QUICK)
    (tmp_path / "study/study.journal.lock").symlink_to("study/study.journal")
    with (tmp_path / "study/study.journal").open("a") as journal:
        journal.write('{"op_code":4,"worker')
    for _ in range(2):
        found = tune("vae", archive / "one.npz", vary=VARY, trials=2, out="study", **QUICK)
        assert [trial.loss for trial in found.trials] == [trial.loss for trial in study.trials[:2]]


def test_the_best_is_finished_by_resume_and_trained_anew_by_its_command(study):
    best = study.best.run
    before = [row["loss"] for row in best.metrics()]
    assert main([*shlex.split(study.command)[1:], "--out", "again"]) == 0
    assert [row["loss"] for row in Run("again").metrics()][:-1] == before
    finished = lunette.resume(best.path, progress=False)
    assert finished.is_finished
    assert finished.metrics()[-1] | {"seconds": 0} == Run("again").metrics()[-1] | {"seconds": 0}


def test_its_picture_and_arrays(study, tmp_path):
    with Image.open(study.save(tmp_path / "study.png")) as picture:
        assert picture.width > 3 * picture.height
    with np.load(study.save(tmp_path / "study.npz")) as arrays:
        assert arrays["losses"].shape == arrays["beta"].shape == (8,)
        assert np.nanmin(arrays["losses"]) == study.best.loss


def test_arrays_of_what_is_no_number_are_of_names(tmp_path):
    def trial(number, outcome="complete", **settings):
        return Trial(number, tmp_path, settings, outcome, float(number))

    trials = trial(0, clip=None, latent=2), trial(1, clip=1.0, latent=4), trial(2, "failed", clip=1.0)
    study = Study(tmp_path, ELBO, trials)
    with np.load(study.save(tmp_path / "study.npz")) as arrays:
        assert arrays["clip"].tolist() == ["None", "1.0", "1.0"]
        assert arrays["latent"].tolist() == ["2", "4", "None"]  # the last one was killed before it had chosen
    whole = Study(tmp_path, ELBO, trials[:2])
    assert whole.arrays()["latent"].tolist() == [2, 4]


def test_failures_are_told(tmp_path, archive):
    how = {"vary": {"learning_rate": [1e28, 1e30]}, "trials": 2, **QUICK}
    with pytest.raises(LunetteError, match="all 2 trials of .* failed; the last one said: training diverged"):
        tune("vae", archive / "one.npz", out=tmp_path / "study", **how)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(LunetteError, match="holds no study"):
        tune("vae", archive / "one.npz", out=tmp_path / "full", **how)


def test_arrays_are_kept_once_and_the_command_line_shows_what_was_found(tmp_path, capsys, archive):
    pixels = load(archive / "one.npz").train.pixels
    found = lunette.tune("vae", pixels, vary={"latent": [2, 3]}, trials=2, out="arrays", progress=False, **QUICK)
    assert len(list((tmp_path / "arrays").rglob("data.npz"))) == 1
    assert found.best.run.dataset.facts["sha256"] == found.best.run.settings.facts["sha256"]
    args = ["tune", "vae", "--data", str(archive / "one.npz"), "--network", "mlp:8", "--epochs", "1", "--trials", "2"]
    assert main([*args, "--vary", "latent=2..4", "learning-rate=1e-3,1e-2"]) == 0
    out = capsys.readouterr().out
    assert "learning rate" in out
    assert "lunette resume studies/vae-one/trials/00" in out
    assert "lunette train vae --data" in out
    assert (tmp_path / "studies/vae-one/study.png").is_file()
    assert main([*args, "--vary", "latent"]) == 2
    assert "cannot vary 'latent': write" in capsys.readouterr().err


def test_without_optuna_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "lunette.uses.tune.tune")
    assert main(["tune", "--vary", "latent=2..4"]) == 2
    assert 'pip install "lunette[tune]"' in capsys.readouterr().err
