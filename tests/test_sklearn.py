"""The estimator: scikit-learn's own checks, and the same numbers as the verbs give."""

import pickle

import joblib
import numpy as np
import polars
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import lunette
from lunette.errors import LunetteError, LunetteWarning
from lunette.measures.likelihood.bound import evidence_model
from lunette.recipes import RECIPES, build, no_bound
from lunette.sklearn import Autoencoder
from lunette.uses.train import train

QUICK = {"epochs": 2, "network": "mlp:8", "latent": 2, "bound_samples": 3, "random_state": 0}


@parametrize_with_checks([Autoencoder(**QUICK), Autoencoder("autoencoder", **QUICK)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600]


@pytest.fixture(scope="module")
def fitted(digits):
    how = {"epochs": 20, "batch_size": 32, "learning_rate": 3e-3, "network": "mlp:64", "latent": 8, "random_state": 0}
    return Autoencoder(**how, shape=(8, 8), limits=(0, 16)).fit(digits[0])


def test_it_is_the_run_of_the_same_seed(tmp_path):
    how = {"epochs": 2, "network": "mlp:16", "latent": 3}
    run = train("sigma_vae", out=tmp_path / "run", pictures=0, seed=5, **how)
    rows = [split.pixels.flatten(1).numpy() / np.float32(255) for split in (run.dataset.train, run.dataset.test)]
    estimator = Autoencoder(**how, random_state=5, shape=(8, 8), limits=(0, 1), bound_samples=7).fit(rows[0])
    codes = estimator.transform(rows[1])
    assert np.array_equal(codes, lunette.latents(run).codes)
    drawn = np.asarray(lunette.reconstruct(run, n=9))[1::2]
    assert np.array_equal(estimator.inverse_transform(codes[:9]), drawn.reshape(9, -1))
    bounds = [evidence_model(run.model(), run.dataset.test.pixels[i : i + 1], 7, 0).mean for i in range(5)]
    assert np.array_equal(estimator.score_samples(rows[1][:5]), -np.array(bounds))
    assert np.allclose(estimator.score(rows[1]), -lunette.evidence(run, samples=7).mean, rtol=0.02)


def test_scores_are_log_densities_of_the_data_in_its_own_units():
    X = np.random.default_rng(0).normal(30.0, 5.0, (300, 1))
    estimator = Autoencoder(epochs=30, network="mlp:8", latent=1, batch_size=32, learning_rate=0.01, random_state=0)
    grid = np.linspace(-40, 100, 281)[:, None]
    density = np.exp(estimator.set_params(bound_samples=200).fit(X).score_samples(grid))
    assert np.trapezoid(density, grid[:, 0]) == pytest.approx(1, abs=0.02)
    assert np.trapezoid(density * grid[:, 0], grid[:, 0]) == pytest.approx(30, abs=2)


def test_other_units_move_scores_by_their_logarithm(digits):
    X = digits[0][:200]
    estimator = Autoencoder(**QUICK)
    plain, scaled = estimator.fit(X).score_samples(X), estimator.fit(3 * X + 1).score_samples(3 * X + 1)
    varied = np.ptp(X, axis=0) > 0  # a feature that is always the same has no scale
    assert np.allclose(plain - scaled, varied.sum() * np.log(3), rtol=1e-6)
    samples = estimator.sample(4, 1), clone(estimator).fit(X).sample(4, 1)
    assert np.allclose(samples[0][:, varied], 3 * samples[1][:, varied] + 1, rtol=1e-5)


def test_codes_are_features_for_a_classifier(digits, fitted):
    X, y = digits
    pipeline = make_pipeline(clone(fitted), LogisticRegression(max_iter=1000)).fit(X[:500], y[:500])
    assert pipeline.score(X[500:], y[500:]) > 0.6
    assert list(fitted.get_feature_names_out()) == [f"autoencoder{i}" for i in range(8)]


def test_a_search_finds_the_larger_code(digits):
    how = {"epochs": 15, "batch_size": 32, "learning_rate": 5e-3, "network": "mlp:32", "bound_samples": 5}
    grid = [{"latent": [1, 8]}, {"latent": [8], "settings": [{"beta": 50.0}]}]
    quick = Autoencoder(**how, limits=(0, 16), random_state=0)
    search = GridSearchCV(quick, grid, cv=2, error_score="raise").fit(digits[0][:300])
    assert search.best_params_ == {"latent": 8}


@pytest.mark.parametrize(
    ("recipe", "more"), [("sigma_vae", {}), ("flow_prior_vae", {}), ("ladder", {"network": "mlp:8,8,8"})]
)
def test_a_pickle_keeps_everything(tmp_path, digits, recipe, more):
    X = digits[0][:50]
    estimator = Autoencoder(recipe, **(QUICK | more)).fit(X)
    estimator.set_params(latent=7)  # which counts from the next fit on
    joblib.dump(estimator, tmp_path / "estimator")
    for copy in (pickle.loads(pickle.dumps(estimator)), joblib.load(tmp_path / "estimator")):
        assert np.array_equal(copy.transform(X), estimator.transform(X))
        assert np.array_equal(copy.sample(3, 1), estimator.sample(3, 1))
        assert copy.latent == 7


@pytest.mark.parametrize("recipe", ["sigma_vae", "vq_vae", "ladder"])
def test_skops_keeps_it_and_trusts_nothing_else(tmp_path, digits, recipe):
    estimator = Autoencoder(recipe, **(QUICK | {"latent": None, "network": None})).fit(digits[0][:50])
    skops.io.dump(estimator, tmp_path / "estimator")
    assert skops.io.get_untrusted_types(file=tmp_path / "estimator") == ["lunette.sklearn.Autoencoder"]
    copy = skops.io.load(tmp_path / "estimator", trusted=["lunette.sklearn.Autoencoder"])
    assert np.array_equal(copy.transform(digits[0]), estimator.transform(digits[0]))


def test_frames_of_polars_in_and_out(digits):
    frame = polars.DataFrame({f"pixel {i}": column for i, column in enumerate(digits[0][:50].T)})
    estimator = Autoencoder(**QUICK).fit(frame)
    assert estimator.feature_names_in_.tolist() == frame.columns
    codes = estimator.set_output(transform="polars").transform(frame)
    assert codes.columns == ["autoencoder0", "autoencoder1"]
    plain = estimator.set_output(transform="default").transform(digits[0][:50])
    assert np.array_equal(codes.to_numpy(), plain)


@pytest.mark.parametrize("recipe", sorted(RECIPES.keys() - {"cvae"}))  # which is told labels
def test_an_estimator_has_scores_where_its_rows_have_a_bound(recipe):
    estimator = Autoencoder(recipe, **(QUICK | {"latent": None, "network": None}), shape=(8, 8))
    assert hasattr(estimator, "score") == hasattr(estimator, "score_samples")
    X = np.random.default_rng(0).uniform(size=(20, 64))
    if hasattr(estimator, "score"):
        assert np.isfinite(estimator.set_params(epochs=1).fit(X).score(X[:2]))
    else:
        assert no_bound(build(recipe, (1, 8, 8)))


def test_samples_are_of_the_datas_units_and_belong_to_their_seed(fitted):
    one, same, other = fitted.sample(20, 0), fitted.sample(20, 0), fitted.sample(20, 1)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert one.shape == (20, 64)
    assert 0 <= one.min() < 8 < one.max() <= 16


def test_nothing_is_left_behind_and_random_numbers_go_on(tmp_path, digits):
    before = torch.get_rng_state()
    Autoencoder(**QUICK).fit(digits[0][:50]).score(digits[0][:5])
    assert torch.equal(torch.get_rng_state(), before)
    assert not list(tmp_path.iterdir())


def test_mistakes_are_told(digits, fitted):
    X = digits[0][:50]
    with pytest.warns(LunetteWarning, match="no log-densities.*grey pixels"):
        Autoencoder("vae", **QUICK).fit(X).score_samples(X)
    with pytest.raises(LunetteError, match="has no prior"):
        Autoencoder("autoencoder", **QUICK).fit(X).sample()
    with pytest.raises(LunetteError, match="cvae is told labels"):
        Autoencoder("cvae", **QUICK).fit(X)
    with pytest.raises(LunetteError, match="64 features are no pictures of the shape"):
        Autoencoder(shape=(9, 8), **QUICK).fit(X)
    with pytest.raises(LunetteError, match="64 features are no pictures of the shape"):
        Autoencoder(shape=(-8, -8), **QUICK).fit(X)
    for limits in ((0, 8, 16), (1, 1), (16, 0), (0, np.inf)):
        with pytest.raises(LunetteError, match="limits are what black is"):
            Autoencoder(limits=limits, **QUICK).fit(X)
    with pytest.raises(LunetteError, match="holds nothing out to stop by"):
        Autoencoder(settings={"patience": 3}, **QUICK).fit(X)
    with pytest.raises(LunetteError, match="pictures are X itself"):
        Autoencoder(settings={"size": 16}, **QUICK).fit(X)
    with pytest.raises(LunetteError, match="unknown setting 'betta'; did you mean 'beta'"):
        Autoencoder(settings={"betta": 2.0}, **QUICK).fit(X)
    with pytest.raises(ValueError, match="3 columns, but codes have 8"):
        fitted.inverse_transform(np.zeros((2, 3)))
