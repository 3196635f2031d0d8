"""Probes, and the group that says what codes know."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import beta
from sklearn.datasets import load_digits

import lunette
from lunette.errors import LunetteError
from lunette.faces.cli import main
from lunette.images import Images, read
from lunette.measures.disentanglement import entropies, information
from lunette.measures.probes import linear_probe, nearest_neighbours, standard_error
from lunette.progress import watched
from lunette.results.information_map import InformationMap
from lunette.uses.evaluate import representation
from lunette.uses.evaluate.evaluate import evaluate
from lunette.uses.evaluate.representation import Coded, factors, probes
from lunette.uses.train import train

QUICK = {"epochs": 1, "network": "mlp:16", "latent": 3, "pictures": 0}
PROBES = {"linear probe", "nearest neighbours", "nearest neighbours in pixels"}
COUNTED = {"MIG", "SAP", "modularity", "FactorVAE score"}
DCI = {"DCI disentanglement", "DCI completeness", "DCI informativeness"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    unlabelled = Images(read("digits").train.pixels)
    sources = {
        "digits": ("ladder", "digits", {"rungs": 2, "network": "mlp:16,8"}),
        "shapes": ("vae", "shapes:shape,rotation,x", {}),
        "told": ("cvae", "digits", {}),
        "unlabelled": ("vae", unlabelled, {}),
    }
    return {
        name: train(recipe, data, out=folder / name, **(QUICK | own)) for name, (recipe, data, own) in sources.items()
    }


def coded(codes, labels=None, **known):
    """Pictures of which only codes, and perhaps more, matter."""
    codes = np.asarray(codes, np.float32)
    pixels = torch.zeros(len(codes), 1, 1, 1, dtype=torch.uint8)
    return Coded(Images(pixels, labels, (), {name: torch.as_tensor(v).float() for name, v in known.items()}), codes)


def test_probes_against_brute_force():
    x, y = load_digits(return_X_y=True)
    z, y, test_z, test_y = x[:600], y[:600].astype(np.int64), x[600:700], y[600:700].astype(np.int64)
    distances = ((test_z[:, None] - z) ** 2).sum(-1)
    nearest = y[np.argsort(distances, axis=1, kind="stable")[:, :10]]
    named = [np.bincount(row).argmax() for row in nearest]
    assert nearest_neighbours(z, y, test_z, test_y) == pytest.approx((named == test_y).mean(), abs=0.02)
    assert nearest_neighbours(z[:3], y[:3], z[:3], y[:3]) == 1 / 3  # all three vote, and the lowest label wins
    assert linear_probe(z, y, test_z, test_y) > 0.9
    # Standardised codes: no scale or shift of a dimension changes the probe.
    other = linear_probe(z * 100 + 5, y, test_z * 100 + 5, test_y)
    assert other == pytest.approx(linear_probe(z, y, test_z, test_y), abs=0.01)
    for right, n in ((90, 100), (0, 20), (20, 20), (1, 1)):
        assert standard_error(right / n, n) == pytest.approx(beta(right + 1, n - right + 1).std())


def test_probes_of_labels_that_a_line_parts_or_that_are_noise():
    draws = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    parted, noise = (draws[:, 0] > 0).long(), torch.randint(2, (1000,), generator=torch.Generator().manual_seed(1))
    for labels, low, high in ((parted, 0.97, 1.0), (noise, 0.4, 0.6)):
        found = probes(coded(draws[:500], labels[:500]), coded(draws[500:], labels[500:])).numbers
        assert low <= found["linear probe"].value <= high
        assert found["linear probe"].error == standard_error(found["linear probe"].value, 500)
        assert found["nearest neighbours in pixels"].value < 0.6  # they are all black


def test_pixels_are_probed_beside_codes(runs):
    found = evaluate(runs["digits"], ["representation"]).groups["representation"]
    assert set(found.numbers) == PROBES
    train, test = runs["digits"].dataset.train, runs["digits"].dataset.test
    pixels, test_pixels = (each.pixels.flatten(1).float().numpy() for each in (train, test))
    expected = nearest_neighbours(pixels, train.labels.numpy(), test_pixels, test.labels.numpy())
    assert found.numbers["nearest neighbours in pixels"].value == pytest.approx(expected, abs=0.006)
    assert expected > 0.95
    assert f"the probes learned from {len(train):,} training pictures" in found.notes
    assert "known factors are missing" in " ".join(found.notes)
    assert "told labels" not in " ".join(found.notes)
    assert "told labels" in " ".join(evaluate(runs["told"], ["representation"]).groups["representation"].notes)


def test_shapes_are_measured_in_every_way_and_always_the_same(runs):
    run, at = runs["shapes"], []
    with watched(at.append):
        found = evaluate(run, ["representation"]).groups["representation"]
    at = [each for each in at if each.what != "coding pictures"]
    assert set(found.numbers) == PROBES | COUNTED | DCI
    assert all(0 <= number.value <= 1 and number.better == "higher" for number in found.numbers.values())
    assert {(each.what, each.total) for each in at} == {("probing codes", 3), ("reading factors off codes", 3)}
    assert sum(each.done == each.total for each in at) == 2
    test = run.dataset.test
    v = np.stack([values.double().numpy() for values in test.factors.values()], axis=1)
    info = information(lunette.latents(run).codes.astype(float), v)
    for name, column in zip(("shape", "rotation", "x"), info.T, strict=True):
        assert found.lists[f"information about {name}, nats"] == pytest.approx(column)
        assert sum(found.lists[f"importance for {name}"]) == pytest.approx(1)
    assert np.mean(found.lists["R² of each factor"]) == pytest.approx(found.numbers["DCI informativeness"].value)
    assert evaluate(run, ["representation"]).groups["representation"] == found
    with Image.open(run.pictures / "representation-information.png") as picture:
        assert picture.width > picture.height
    arrays = found.pictures["Information"].arrays()
    assert arrays["information"] == pytest.approx(info)
    assert arrays["entropies"] == pytest.approx(entropies(v))
    assert arrays["factors"].tolist() == ["shape", "rotation", "x"]


def test_fewer_pictures_are_taken_where_they_are_large(runs, monkeypatch):
    monkeypatch.setattr(representation, "PIXELS", 200 * 64)
    found = evaluate(runs["digits"], ["representation"]).groups["representation"]
    assert "the probes learned from 200 training pictures" in found.notes
    share = found.numbers["linear probe"]
    assert share.error == standard_error(share.value, 180)


def test_chance_is_told_and_a_perfect_code_is_far_from_it():
    a, b = np.random.default_rng(0).random((2, 3000))
    train = coded(np.stack([b, -a], axis=1)[:2000], first=a[:2000], second=b[:2000], still=0 * a[:2000])
    test = coded(np.stack([b, -a], axis=1)[2000:], first=a[2000:], second=b[2000:], still=0 * a[2000:])
    found = factors(train, test, 0)
    assert set(found.numbers) == COUNTED | DCI
    assert min(number.value for number in found.numbers.values()) > 0.85
    assert found.numbers["FactorVAE score"].error == pytest.approx(0, abs=0.01)
    assert "the factor still is constant here, and left out" in found.notes
    (chance,) = (note for note in found.notes if "at random" in note)
    numbers = dict(part.rsplit(" ", 1) for part in chance.split(": ")[1].split(", "))
    assert set(numbers) == COUNTED
    assert float(numbers["MIG"]) < 0.05 > float(numbers["SAP"])
    assert float(numbers["FactorVAE score"]) == pytest.approx(0.5, abs=0.1)


def test_what_asks_for_more_dimensions_or_factors_is_left_out():
    z, v = np.random.default_rng(0).random((600, 2)), np.random.default_rng(1).random(600)
    one = factors(coded(z[:300], v=v[:300]), coded(z[300:], v=v[300:]), 0)
    assert set(one.numbers) == {"MIG", "SAP", "DCI completeness", "DCI informativeness"}
    assert "one factor varies" in " ".join(one.notes)
    line = factors(coded(v[:300, None], v=v[:300], w=z[:300, 0]), coded(v[300:, None], v=v[300:], w=z[300:, 0]), 0)
    assert set(line.numbers) == COUNTED | DCI - {"DCI completeness"}
    for part, words in [
        (factors(coded(z[:50], v=v[:50]), coded(z, v=v), 0), "100 training and test pictures.* 50 and 600"),
        (factors(coded(z, v=v), coded(z[:50], v=v[:50]), 0), "100 training and test pictures.* 600 and 50"),
        (factors(coded(np.tile(z, 51), v=v), coded(np.tile(z, 51), v=v), 0), "up to 100 dimensions.* 102"),
        (factors(coded(z, v=0 * v), coded(z, v=0 * v), 0), "factor v is constant"),
        (probes(coded(z, torch.zeros(600).long()), coded(z, torch.zeros(600).long())), "the same label"),
    ]:
        assert not part.numbers
        assert re.search(words, " ".join(part.notes))


def test_pictures_of_which_nothing_is_known_are_refused(runs, capsys):
    words = "labels are missing.*sort a folder's pictures into sub-folders.*known factors are missing"
    with pytest.raises(LunetteError, match=words):
        evaluate(runs["unlabelled"], ["representation"])
    assert main(["evaluate", str(runs["unlabelled"].path), "--groups", "representation"]) == 2
    assert "labels are missing" in capsys.readouterr().err


def test_the_command_line(runs, capsys):
    assert main(["evaluate", str(runs["digits"].path), "--groups", "representation"]) == 0
    assert "nearest neighbours in pixels" in capsys.readouterr().out


@pytest.mark.parametrize(("dimensions", "factors"), [(20, 1), (3, 2), (5, 5)])
def test_nothing_of_the_map_is_cut_off(dimensions, factors):
    names = tuple("abcde"[:factors])
    drawn = InformationMap(np.full((dimensions, factors), 0.5), np.ones(factors), names).picture()
    edges = np.asarray(drawn)
    assert all(edge.min() == 255 for edge in (edges[0], edges[-1], edges[:, 0], edges[:, -1]))
