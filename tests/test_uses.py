"""What a trained model is good for: the numbers behind the pictures."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from PIL import Image

import lunette
from lunette.codes import DiracHead
from lunette.compute.coding import decode, encode
from lunette.errors import LunetteError, LunetteWarning
from lunette.images import lit_fraction, load, moons
from lunette.models import Autoencoder
from lunette.recipes import build
from lunette.results.sheet import Sheet
from lunette.runs import Run
from lunette.uses.draw.axes import principal_axes
from lunette.uses.draw.interpolate import linear, spherical
from lunette.uses.draw.latents import latents
from lunette.uses.draw.manifold import quantiles
from lunette.uses.train import train

RECIPES = ["autoencoder", "beta_vae", "conv_vae", "denoising", "gaussian_vae", "sparse", "stacked", "vae"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of every recipe, trained for one epoch on the digits."""
    folder = tmp_path_factory.mktemp("runs")
    return {name: train(name, out=folder / name, epochs=1) for name in RECIPES}


@pytest.mark.parametrize("name", RECIPES)
def test_every_use_works_on_every_recipe_or_says_why_not(runs, name):
    run = runs[name]
    assert np.asarray(lunette.reconstruct(run, n=6)).shape == (18 if name == "denoising" else 12, 1, 8, 8)
    assert np.asarray(lunette.interpolate(run, [0, "label:7", 2], steps=5)).shape == (9, 1, 8, 8)
    assert np.asarray(lunette.manifold(run, 4)).shape == (16, 1, 8, 8)
    codes = lunette.latents(run)
    assert codes.codes.shape == (len(run.dataset.test), run.settings.arguments["latent"])
    if name.endswith("vae"):
        assert np.asarray(lunette.sample(run, 10)).shape == (10, 1, 8, 8)
    else:
        with pytest.raises(LunetteError, match="no prior of its own.*lunette fit-prior"):
            lunette.sample(run, 10)
    pictures = {path.name for path in run.pictures.iterdir()}
    assert {"reconstructions-0001.png", "curves.png", "latents.png", "manifold.png"} <= pictures
    assert ("samples-0001.png" in pictures) == name.endswith("vae")


@pytest.mark.parametrize("name", RECIPES)
def test_reports_need_nothing_beside_themselves(runs, name):
    page = (runs[name].path / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert f"<h1>{name} on digits</h1>" in page
    test = runs[name].metrics()[-1]
    assert f"{test['loss']:.3f}" in page


def test_samples_belong_to_their_seed(runs):
    one, same, other = (np.asarray(lunette.sample(runs["vae"], 8, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_temperature_scales_the_codes(runs):
    cold = np.asarray(lunette.sample(runs["vae"], 8, temperature=0.0))
    assert np.abs(cold - cold[0]).max() < 1e-6
    model = runs["vae"].model(device="cpu")
    at_origin = decode(model, (torch.zeros(1, 20),))
    assert np.allclose(cold[0], at_origin[0], atol=1e-6)


def test_reconstructions_are_beside_their_originals(runs):
    run = runs["vae"]
    sheet = np.asarray(lunette.reconstruct(run, n=5))
    originals = run.dataset.test.pixels[:5].numpy() / 255
    assert np.allclose(sheet[0::2], originals, atol=1e-6)
    model = run.model(device="cpu")
    expected = decode(model, encode(model, run.dataset.test.pixels[:5]))
    assert np.allclose(sheet[1::2], expected, atol=1e-6)
    assert np.array_equal(sheet, np.asarray(lunette.reconstruct(run, n=5)))


def test_your_own_pictures_are_brought_to_the_models_size(runs, tmp_path):
    Image.new("RGB", (50, 30), (255, 255, 255)).save(tmp_path / "white.png")
    sheet = np.asarray(lunette.reconstruct(runs["vae"], tmp_path / "white.png"))
    assert sheet.shape == (2, 1, 8, 8)
    assert (sheet[0] == 1).all()
    walk = np.asarray(lunette.interpolate(runs["vae"], [tmp_path / "white.png", 3], steps=4))
    assert walk.shape == (4, 1, 8, 8)


def test_walks_begin_and_end_at_their_points(runs):
    run = runs["vae"]
    model = run.model(device="cpu")
    ends = decode(model, encode(model, run.dataset.test.pixels[[3, 5, 9]]))
    for walk in ("linear", "spherical"):
        sheet = np.asarray(lunette.interpolate(run, [3, 5, 9], steps=6, walk=walk))
        assert len(sheet) == 11
        assert np.allclose(sheet[[0, 5, 10]], ends, atol=1e-5)


def test_straight_and_spherical_walks_are_their_formulas():
    a, b = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([[0.0, 2.0, 0.0]])
    torch.testing.assert_close(linear(a, b, 5)[1], torch.tensor([1.5, 0.5, 0.0]))
    arc = spherical(a, b, 5)
    torch.testing.assert_close(arc.norm(dim=1), torch.full((5,), 2.0))
    angles = torch.atan2(arc[:, 1], arc[:, 0])
    torch.testing.assert_close(angles, torch.linspace(0, math.pi / 2, 5))
    torch.testing.assert_close(spherical(a, 3 * a, 3), linear(a, 3 * a, 3))
    torch.testing.assert_close(spherical(0 * a, b, 3), linear(0 * a, b, 3))


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([0], "at least 2 points"),
        ([0, 99999], "no test picture 99999"),
        ([0, "label:77"], "unknown label '77'"),
        ([0, "nowhere.png"], "nowhere.png"),
    ],
)
def test_walks_refuse_points_that_are_none(runs, points, words):
    with pytest.raises(LunetteError, match=words):
        lunette.interpolate(runs["vae"], points)


def test_the_most_typical_picture_has_its_label(runs):
    run = runs["vae"]
    model = run.model(device="cpu")
    test = run.dataset.test
    sevens = encode(model, test.pixels[test.labels == 7])[0]
    start = np.asarray(lunette.interpolate(run, ["label:7", 0]))[0]
    drawn = decode(model, (sevens,))
    distance = np.abs(drawn - start).reshape(len(drawn), -1).max(1)
    assert distance.argmin() == (sevens - sevens.mean(0)).square().sum(1).argmin()
    assert distance.min() < 1e-5


def test_the_map_is_at_the_normals_quantiles(runs):
    expected = scipy.stats.norm.ppf(np.linspace(0.05, 0.95, 15))
    assert np.allclose(quantiles(15).numpy(), expected, atol=1e-5)
    model = runs["conv_vae"].model(device="cpu")
    sheet = np.asarray(lunette.manifold(runs["conv_vae"], 15))
    right_of_top = decode(model, (torch.tensor([[expected[1], expected[14]]], dtype=torch.float32),))
    assert np.allclose(sheet[1], right_of_top[0], atol=1e-5)


def test_a_map_of_two_dimensions_leaves_the_others_at_their_mean(runs):
    run = runs["vae"]
    model = run.model(device="cpu")
    codes = encode(model, run.dataset.test.pixels)[0]
    sheet = np.asarray(lunette.manifold(run, 3, dimensions=(4, 2)))
    assert np.allclose(sheet[4], decode(model, (codes.mean(0)[None],))[0], atol=1e-5)
    corner = codes.mean(0).clone()
    corner[4] += codes.std(0, correction=0)[4] * quantiles(3)[2]
    corner[2] += codes.std(0, correction=0)[2] * quantiles(3)[0]
    assert np.allclose(sheet[8], decode(model, (corner[None],))[0], atol=1e-5)
    with pytest.raises(LunetteError, match="has dimensions 0 to 19"):
        lunette.manifold(run, 3, dimensions=(0, 20))


def test_principal_axes_against_the_covariances_eigenvectors():
    torch.manual_seed(0)
    codes = torch.randn(500, 6) * torch.tensor([1, 5, 2, 1, 3, 1.0]) + 7
    mean, axes = principal_axes(codes)
    torch.testing.assert_close(mean, codes.mean(0))
    values, vectors = torch.linalg.eigh(torch.cov(codes.T))
    for i in range(2):
        assert axes[i].norm().item() == pytest.approx(values[-1 - i].sqrt().item(), rel=2e-3)
        assert abs(axes[i] @ vectors[:, -1 - i]).item() == pytest.approx(axes[i].norm().item(), rel=1e-4)


def test_codes_are_the_posterior_means_in_order(runs, tmp_path):
    run = runs["vae"]
    codes = latents(run)
    model = run.model(device="cpu")
    assert np.allclose(codes.codes, encode(model, run.dataset.test.pixels)[0].numpy(), atol=1e-6)
    assert np.array_equal(codes.labels, run.dataset.test.labels.numpy())
    with np.load(codes.save(tmp_path / "codes.npz")) as archive:
        assert np.array_equal(archive["codes"], codes.codes)
        assert list(archive["label_names"]) == [str(digit) for digit in range(10)]


def test_a_sheet_has_headings_above_its_groups_and_names_before_its_rows():
    dark = np.zeros((8, 1, 4, 4), np.float32)
    plain = np.asarray(Sheet(dark, 4).picture())
    headed = np.asarray(Sheet(dark, 4, ("original", "nearest neighbour")).picture())
    named = np.asarray(Sheet(dark, 4, names=("first", "second")).picture())
    top, left = len(headed) - len(plain), named.shape[1] - plain.shape[1]
    assert top == 2 * 15 + 2  # two lines, of the longer heading
    above = headed[:top] < 128
    columns = [slice(2, 98), slice(100, 196), slice(208, 304), slice(306, 402)]  # a wider gap between the pairs
    assert all(above[:, column].any() for column in columns)
    assert np.array_equal(above[:, columns[0]], above[:, columns[2]])
    assert (headed[:, 196:208] == 255).all()
    assert (headed[top + 2 : top + 98, columns[1]] == 0).all()
    rows = [slice(2, 98), slice(100, 196)]
    assert all((named[row, :left] < 128).any() for row in rows)
    assert np.array_equal(named[:, left:], plain)


def test_sheets_are_pictures_and_arrays(tmp_path):
    images = np.linspace(0, 1, 3 * 1 * 4 * 4, dtype=np.float32).reshape(3, 1, 4, 4)
    sheet = Sheet(images, columns=2)
    assert np.asarray(sheet).shape == (3, 1, 4, 4)
    assert repr(sheet) == "Sheet(3 pictures, 1×4×4)"
    assert [picture.size for picture in sheet.pictures()] == [(4, 4)] * 3
    whole = np.asarray(sheet.picture())
    assert whole.shape == (2 + 2 * 98, 2 + 2 * 98)
    assert whole[2 + 8, 2 + 8] == 0
    assert (whole[-90:, -90:] == 255).all()
    with Image.open(sheet.save(tmp_path / "walk.gif")) as animation:
        assert animation.n_frames == 4
    with np.load(sheet.save(tmp_path / "walk.npz")) as archive:
        assert np.array_equal(archive["images"], images)
    with pytest.raises(LunetteError, match="cannot write 'walk.txt'"):
        sheet.save(tmp_path / "walk.txt")


def test_halfway_between_full_moon_and_crescent_is_a_phase_between(tmp_path):
    run = train("vae", "moons:size", out=tmp_path / "moons", latent=2, epochs=12, pictures=0)
    model = run.model(device="cpu")
    ends = moons(torch.tensor([1.0, 0.2]))
    codes = encode(model, ends)[0]
    full, crescent = lit_fraction(torch.from_numpy(decode(model, (codes,)))).tolist()
    image = torch.from_numpy(decode(model, (codes.mean(0, keepdim=True),)))
    middle = lit_fraction(image).item()
    assert 0.1 < crescent < 0.3
    assert full > 0.9
    assert crescent + 0.1 < middle < full - 0.1
    # A phase between, and not two moons laid over each other: nearer to the true moon than the mixture is.
    truth = moons(torch.tensor([middle])).float() / 255
    mixture = ends.float().mean(0, keepdim=True) / 255
    assert (image - truth).square().mean() < 0.5 * (mixture - truth).square().mean()


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_on_mnist(mnist, tmp_path, name):
    real = load(mnist).train.take(slice(600))
    run = train(name, real, out=tmp_path / "run", epochs=3, batch_size=32)
    losses = [row["loss"] for row in run.metrics() if row["split"] == "train" and "stage" not in row]
    assert losses[-1] < losses[0]
    assert np.asarray(lunette.reconstruct(run, n=4)).shape[1:] == (1, 28, 28)
    assert np.asarray(lunette.manifold(run, 2)).shape == (4, 1, 28, 28)
    assert len(np.asarray(lunette.interpolate(run, ["label:3", 0], steps=3))) == 3


def test_arrays_are_pictures_of_your_own_too(runs):
    own = np.full((5, 16, 16), 255, np.uint8)
    sheet = np.asarray(lunette.reconstruct(runs["vae"], own))
    assert sheet.shape == (10, 1, 8, 8)
    assert (sheet[0::2] == 1).all()
    assert lunette.latents(runs["vae"], own).codes.shape == (5, 20)


@pytest.mark.parametrize("binarize", ["none", "threshold", "dynamic"])
def test_the_deterministic_code_is_of_what_was_trained_on(binarize):
    torch.manual_seed(0)
    model = build("vae", (1, 4, 4), {"binarize": binarize}).model
    x = torch.rand(3, 1, 4, 4)
    read = (x >= 0.5).float() if binarize == "threshold" else x
    assert model.encode(x)[0].equal(model.encoder(read).mean)


def test_a_run_can_be_a_path(runs):
    assert np.array_equal(
        np.asarray(lunette.sample(str(runs["vae"].path), 3)),
        np.asarray(lunette.sample(Run(runs["vae"].path), 3)),
    )
    assert isinstance(runs["autoencoder"].model(), Autoencoder)
    assert isinstance(runs["autoencoder"].model().encoder.head, DiracHead)
    assert load("digits").facts["sha256"] == runs["vae"].settings.facts["sha256"]


FEW = {"epochs": 1, "network": "mlp:8", "pictures": 0, "progress": False}


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda data, out: lunette.train("vae", data, out=out, patience=1, **FEW), "which epoch is the best may be"),
        (lambda data, out: lunette.tune("vae", data, vary={"latent": [2, 3]}, trials=1, out=out, **FEW), "which trial"),
        (lambda data, out: lunette.fit_prior(lunette.train("vae", data, out=out, **FEW), "gaussian"), "held-out pict"),
    ],
)
def test_choices_by_few_pictures_are_warned_of(work, words, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (300, 4, 4), dtype=np.uint8)
    with pytest.warns(LunetteWarning, match=rf"(27|24) .* are few: .*{words}|24 held-out pictures are few"):
        work(pixels, tmp_path / "out")
