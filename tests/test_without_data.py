"""A run whose training data is not on this machine: what needs it only for a nicety works without."""

import shutil

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import lunette
from lunette.errors import LunetteError, LunetteWarning
from lunette.faces.cli import main


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A run without its data, and pictures of one's own."""
    place = tmp_path_factory.mktemp("places")
    for folder, part in (("data", slice(0, 200)), ("own", slice(200, 220))):
        (place / folder).mkdir()
        for i, image in enumerate(load_digits().images[part]):
            Image.fromarray(np.uint8(image * 255 / 16)).save(place / folder / f"{i}.png")
    for recipe in ("vae", "autoencoder"):
        lunette.train(recipe, place / "data", out=place / recipe, epochs=2, pictures=0, latent=2, progress=False)
    whole = lunette.anomalies(place / "vae", place / "own", progress=False)
    shutil.rmtree(place / "data")
    return place, whole


def test_scores_of_ones_own_pictures_are_the_same_and_have_no_quantiles(places):
    place, whole = places
    with pytest.warns(LunetteWarning, match="there are scores, and no quantiles"):
        found = lunette.anomalies(place / "vae", place / "own", progress=False)
    for name, scores in whole.by_name.items():
        np.testing.assert_array_equal(found.by_name[name], scores)
    assert np.isnan(found.quantiles).all()
    assert not np.isnan(whole.quantiles).any()
    assert found.verdict() == f"20 pictures by {found.score}"
    with pytest.raises(LunetteError, match="not on this machine"):
        lunette.anomalies(place / "vae", progress=False)


def test_few_held_out_pictures_make_no_rare_quantile(places):
    _, whole = places
    assert whole.verdict().endswith("18 validation pictures are too few for a 99 % quantile")


def test_networks_are_exported_and_compared_on_noise(places, tmp_path):
    pytest.importorskip("onnxruntime")
    for recipe in ("vae", "autoencoder"):
        out = lunette.export(places[0] / recipe, tmp_path / recipe, progress=False)
        assert (out / "decoder.onnx").is_file()
        assert "On noise in batches" in (out / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("verb", ["manifold", "edit --dimension 0 --images own", "reconstruct --images own", "sample"])
def test_verbs_that_draw(places, tmp_path, verb, monkeypatch, capsys):
    monkeypatch.chdir(places[0])
    name, *flags = verb.split()
    assert main([name, "vae", *flags, "-o", str(tmp_path / "made.png")]) == 0
    assert ("images drawn from the model stand in for its data" in capsys.readouterr().err) == (
        name in ("manifold", "edit")
    )
    assert Image.open(tmp_path / "made.png").width > 10


def test_a_folder_that_was_emptied_is_as_one_that_is_gone(places, tmp_path):
    place, whole = places
    shutil.copytree(place / "vae", tmp_path / "vae")
    (tmp_path / "emptied").mkdir()
    text = (tmp_path / "vae" / "run.toml").read_text()
    (tmp_path / "vae" / "run.toml").write_text(text.replace(str(place / "data"), str(tmp_path / "emptied")))
    with pytest.warns(LunetteWarning, match="no quantiles: .*emptied has no pictures"):
        found = lunette.anomalies(tmp_path / "vae", place / "own", progress=False)
    np.testing.assert_array_equal(found.scores, whole.scores)


def test_runs_are_compared_without_reconstructions(places, tmp_path):
    shutil.copytree(places[0] / "vae", tmp_path / "again")
    (section,) = lunette.compare([places[0] / "vae", tmp_path / "again"]).sections
    assert not section.reconstructions
    assert len(section.samples) == 2
    assert any(note.startswith("no reconstructions: ") for note in section.notes)


def test_an_autoencoder_has_nothing_to_draw_from(places):
    with pytest.raises(LunetteError, match="not on this machine"):
        lunette.manifold(places[0] / "autoencoder", dimensions=(0, 1))
