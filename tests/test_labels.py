"""A model that is told what pictures show, through every use."""

import numpy as np
import pytest
import torch
from PIL import Image

import lunette
from lunette.errors import LunetteError
from lunette.faces.cli import main
from lunette.images import load
from lunette.images.sets import Images


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("labels") / "run"
    how = {"epochs": 30, "latent": 4, "network": "mlp:128", "learning_rate": 3e-3, "pictures": 0}
    return lunette.train("cvae", "digits", out=out, progress=False, **how)


@pytest.fixture(scope="module")
def class_means():
    train = load("digits").train
    pixels = train.pixels.float().flatten(1) / 255
    return torch.stack([pixels[train.labels == label].mean(0) for label in range(10)])


def nearest(pictures, means):
    return torch.cdist(torch.from_numpy(pictures).flatten(1), means).argmin(1)


def test_a_label_is_what_is_drawn(run, class_means):
    sheet = lunette.sample(run, 40, label=7)
    assert sheet.images.shape == (40, 1, 8, 8)
    assert (nearest(sheet.images, class_means) == 7).float().mean() > 0.8
    assert lunette.sample(run, 3, label="3").images.shape[0] == 3


def test_all_labels_come_in_columns_with_one_style_a_row(run, class_means):
    sheet = lunette.sample(run, 64)
    assert sheet.columns == 10
    assert sheet.images.shape[0] == 60
    grid = nearest(sheet.images, class_means).reshape(6, 10)
    assert (grid == torch.arange(10)).float().mean() > 0.8
    # The column of a label is what is drawn of it alone with the same noise, so a row has one code.
    np.testing.assert_allclose(sheet.images[7::10], lunette.sample(run, 6, label=7).images, atol=1e-6)


def test_a_prior_by_label_learns_one(tmp_path):
    how = {"epochs": 2, "latent": 4, "pictures": 0, "prior": "label"}
    run = lunette.train("cvae", "digits", out=tmp_path / "run", progress=False, **how)
    means = run.model().prior.mean
    assert means.shape == (10, 4)
    assert means.abs().sum(1).min() > 0
    assert lunette.sample(run, 20).images.shape[0] == 20


def test_other_uses_take_the_pictures_labels(run):
    test = run.dataset.test
    sheet = lunette.reconstruct(run, n=20)
    errors = ((sheet.images[1::2] - sheet.images[::2]) ** 2).mean()
    wrong = lunette.reconstruct(run, n=20, label=0)
    assert errors < 0.8 * ((wrong.images[1::2] - wrong.images[::2]) ** 2).mean()
    assert lunette.latents(run).codes.shape == (len(test), 4)
    assert lunette.interpolate(run, [0, 1], steps=5).images.shape[0] == 5
    assert lunette.interpolate(run, ["label:3", "label:8"], steps=4, label=3).images.shape[0] == 4
    one, other = (lunette.manifold(run, 3, label=label).images for label in (None, "5"))
    assert not np.array_equal(one, other)
    likely, unlikely = (lunette.evidence(run, samples=4, label=label).mean for label in (None, 0))
    assert likely < unlikely


def test_own_pictures_are_told_by_folder_or_by_label(run, tmp_path):
    for label in ("3", "8"):
        (tmp_path / "own" / label).mkdir(parents=True)
        picture = np.full((8, 8), 10 * int(label), np.uint8)
        Image.fromarray(picture).save(tmp_path / "own" / label / "a.png")
    own = tmp_path / "own"
    assert lunette.latents(run, own).codes.shape == (2, 4)
    with pytest.raises(LunetteError, match="say --label NAME for all of them"):
        lunette.latents(run, own / "3")
    assert lunette.latents(run, own / "3", label=3).codes.shape == (1, 4)
    (own / "8").rename(own / "eight")
    with pytest.raises(LunetteError, match="unknown label 'eight'"):
        lunette.reconstruct(run, own)


def test_a_fitted_prior_of_a_model_that_is_told_labels(run):
    lunette.fit_prior(run, kind="gaussian", progress=False)
    assert lunette.sample(run, 20, prior="gaussian").columns == 10
    assert lunette.sample(run, 5, prior="gaussian", label=2).images.shape[0] == 5


def test_labels_that_mean_nothing_are_refused(run, tmp_path):
    with pytest.raises(LunetteError, match="unknown label '12'"):
        lunette.sample(run, label=12)
    plain = lunette.train("vae", "digits", out=tmp_path / "plain", epochs=1, progress=False, pictures=0)
    with pytest.raises(LunetteError, match="knows no labels"):
        lunette.sample(plain, label=3)
    with pytest.raises(LunetteError, match="is not told what pictures show"):
        lunette.manifold(plain, 2, label="3")
    with pytest.raises(LunetteError, match="is not told what pictures show"):
        lunette.reconstruct(plain, label=3)
    unlabelled = Images(torch.randint(256, (40, 1, 8, 8), dtype=torch.uint8)).pixels.numpy()
    with pytest.raises(LunetteError, match="these have no labels"):
        lunette.train("cvae", unlabelled, out=tmp_path / "none", epochs=1, progress=False)


def test_from_the_command_line(run, tmp_path, capsys):
    assert main(["sample", str(run.path), "--label", "7", "--n", "4", "-o", str(tmp_path / "seven.png")]) in (0, None)
    assert (tmp_path / "seven.png").is_file()
    assert main(["sample", str(run.path), "--label", "x"]) == 2
    assert "unknown label 'x'" in capsys.readouterr().err
