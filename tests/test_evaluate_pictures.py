"""The groups of an evaluation that look at pictures: reconstruction and samples, of tiny runs on the digits."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lunette.compute.coding import decode, encode
from lunette.errors import LunetteError
from lunette.measures.classifier import classifier_of
from lunette.measures.distances import frechet_distance
from lunette.measures.fidelity import fidelity
from lunette.randomness import reseed
from lunette.runs import Run
from lunette.uses.evaluate import EvaluationSettings, Subject
from lunette.uses.evaluate.reconstruction import reconstruction
from lunette.uses.evaluate.samples import BETTER, drawn_codes, pictured, samples
from lunette.uses.fit_prior import fit_prior
from lunette.uses.train import train

HOW = {"epochs": 1, "network": "mlp:32", "latent": 4, "pictures": 0}
RUNS = {
    "vae": ("vae", {"binarize": "dynamic"}),
    "cvae": ("cvae", {}),
    "sparse": ("sparse", {}),
    "denoising": ("denoising", {}),
    "ladder": ("ladder", {"network": "mlp:32,16", "rungs": 2}),
}


@pytest.fixture(scope="module", autouse=True)
def _quick(tmp_path_factory):
    """A classifier of few steps, which is not kept in the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("platformdirs.user_cache_path", lambda *_: folder)
        patch.setattr("lunette.measures.classifier.STEPS", 150)
        patch.setattr("lunette.measures.two_sample.STEPS", 40)
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {name: train(recipe, out=folder / name, **HOW | how) for name, (recipe, how) in RUNS.items()}


def subject_of(run, **settings):
    run = Run(run.path)
    return Subject(run.trained(), run.dataset.test, EvaluationSettings(**settings))


def values(group):
    return {name: number.value for name, number in group.numbers.items()}


def test_training_pictures_as_samples_are_at_the_floor_and_copies(runs, monkeypatch):
    subject = subject_of(runs["vae"])
    seen = subject.data.train.pixels[: len(subject.test)]
    monkeypatch.setattr("lunette.uses.evaluate.samples.pictured", lambda *_: seen)
    group = samples(subject)
    for name in BETTER:
        assert group.numbers[name].value == group.numbers[name].floor
    decoded = group.numbers["Fréchet distance of decoded training codes"]
    assert decoded.value == group.numbers["Fréchet distance"].value
    assert group.numbers["copies"].value == 1
    pairs = np.asarray(group.pictures["Nearest training pictures"])
    assert pairs.shape == (32, 1, 8, 8)
    assert np.array_equal(pairs[::2], pairs[1::2])


def test_an_untrained_models_samples_are_far_from_the_floor(runs):
    found = samples(subject_of(runs["vae"])).numbers
    for name in ("Fréchet distance", "kernel distance (KID)"):
        assert found[name].value > 5 * abs(found[name].floor)
    assert found["coverage"].value < 0.2 * found["coverage"].floor
    assert found["two-sample accuracy, pixels"].value > 0.8
    assert found["copies"].value <= 0.02
    assert set(found) == {*BETTER, "Fréchet distance of decoded training codes", "copies"}


@pytest.mark.parametrize("name", ["cvae", "ladder"])
def test_samples_are_a_function_of_the_seed(runs, name):
    subject = subject_of(runs[name], seed=3)
    torch.manual_seed(0)
    first = values(samples(subject))
    torch.manual_seed(1)
    assert values(samples(subject)) == first
    assert values(samples(replace(subject, settings=EvaluationSettings(seed=4)))) != first


def test_labels_are_told_as_often_as_in_the_data(runs):
    subject = subject_of(runs["cvae"])
    y, told = subject.y(subject.data.train), []
    draw = subject.model.draw
    subject.model.draw = lambda n, y: told.append(y) or draw(n, y)
    z = drawn_codes(subject.model, None, len(y), y, (1, 8, 8), 0)
    assert torch.equal(torch.cat(told), subject.data.train.labels)
    pixels = pictured(subject.model, z, y, (1, 8, 8))
    direct = decode(subject.model, z, y)
    assert pixels.dtype == torch.uint8
    assert np.abs(pixels.numpy() / 255 - direct).max() < 0.5 / 255 + 1e-6


def test_a_fitted_prior_is_drawn_from(runs):
    subject = subject_of(runs["sparse"])
    with pytest.raises(LunetteError, match="nothing says which codes"):
        samples(subject)
    prior = fit_prior(runs["sparse"], "gaussian")
    z = drawn_codes(subject.model, prior, 20_000, None, (1, 8, 8), 0)[0]
    assert torch.allclose(z.mean(0), prior.density.mean, atol=5 * float(z.std(0).max()) / math.sqrt(20_000))
    group = samples(subject)
    assert "fitted gaussian prior" in group.notes[0]
    # The codes of an autoencoder are points: decoded, they are reconstructions.
    n, seen = len(subject.test), subject.data.train.pixels
    again = decode(subject.model, encode(subject.model, seen[:n])) * 255
    features = classifier_of(subject.data).features
    expected = frechet_distance(features(torch.from_numpy(again.round()) / 255), features(subject.test.pixels))
    assert values(group)["Fréchet distance of decoded training codes"] == pytest.approx(expected, rel=1e-4)


def test_a_prior_that_tells_labels_apart_is_told_them(runs):
    subject = subject_of(runs["cvae"])
    prior = fit_prior(runs["cvae"], "flow-matching", steps=5)
    y, told = subject.y(subject.data.train), []
    prior.density.sample = lambda n, y: told.append(y) or torch.zeros(n, 4)
    drawn_codes(subject.model, prior, len(y), y, (1, 8, 8), 0)
    assert torch.equal(torch.cat(told), y)
    drawn_codes(subject.model, prior, 10, None, (1, 8, 8), 0)
    assert told[-1] is None


def test_too_few_pictures_are_refused_and_few_are_noted(runs):
    subject = subject_of(runs["vae"])
    with pytest.raises(LunetteError, match="19 pictures are too few to compare samples with: at least 20"):
        samples(replace(subject, test=subject.test.take(slice(19))))
    group = samples(replace(subject, test=subject.test.take(slice(20))))
    assert group.basis.endswith(", 20 samples")
    assert "20 pictures are few for covariances of 128 features" in group.notes[-1]
    assert group.notes[-2].endswith("20 of these are too few to look for any.")
    assert "copies" not in group.numbers
    assert not group.pictures
    assert group.notes[-2].endswith("20 of these are too few to look for any.")
    assert "copies" not in group.numbers
    assert not group.pictures
    assert all(math.isfinite(value) for value in values(group).values())


def test_pictures_without_labels_have_features_of_turns(tmp_path):
    pixels = Run(train("vae", out=tmp_path / "labelled", **HOW).path).dataset.train.pixels[:300]
    run = train("vae", pixels[:, 0].numpy(), out=tmp_path / "run", **HOW)
    group = samples(subject_of(run))
    assert any("quarter turns" in note for note in group.notes)


def test_reconstruction_is_the_mean_over_pictures(runs):
    subject = subject_of(runs["sparse"])
    group = reconstruction(subject)
    x = subject.test.pixels / 255
    direct = fidelity(x, torch.from_numpy(decode(subject.model, encode(subject.model, x))))
    for name, each in direct.items():
        number = group.numbers[name]
        assert number.value == pytest.approx(float(each.mean()), rel=1e-5)
        assert number.error == pytest.approx(float(each.std()) / math.sqrt(len(x)), rel=1e-4)
    assert group.numbers["PSNR"].unit == "dB"

    def errors(title):
        pairs = np.asarray(group.pictures[title]).reshape(-1, 2, 64)
        return ((pairs[:, 0] - pairs[:, 1]) ** 2).mean(1)

    expected = direct["mean squared error"].sort().values.numpy()
    assert np.allclose(errors("Worst reconstructions"), expected[::-1][:16], atol=1e-5)
    assert np.allclose(errors("Best reconstructions"), expected[:16], atol=1e-5)


def test_what_is_mended_is_compared_with_the_undamaged(runs):
    subject = subject_of(runs["denoising"], seed=5)
    found = reconstruction(subject).numbers
    x = subject.test.pixels / 255
    with torch.random.fork_rng():
        reseed(5, "reconstruction", 0)
        damaged = subject.model.corrupt(x)
    mended = fidelity(x, torch.from_numpy(decode(subject.model, encode(subject.model, damaged))))
    for name, each in mended.items():
        assert found[f"{name}, of damaged pictures"].value == pytest.approx(float(each.mean()), rel=1e-5)
    before = -10 * (damaged.clamp(0, 1) - x).square().mean((1, 2, 3)).log10().mean()
    assert found["PSNR of damaged pictures themselves"].value == pytest.approx(float(before), rel=1e-5)


@pytest.mark.parametrize("name", RUNS)
def test_every_model_is_reconstructed(runs, name):
    group = reconstruction(subject_of(runs[name]))
    assert 0 < group.numbers["mean squared error"].value < 0.3
    assert any("black and white" in note for note in group.notes) == (name == "vae")
    one = subject_of(runs[name])
    assert reconstruction(replace(one, test=one.test.take(slice(1)))).numbers["SSIM"].error is None
