"""Scores of strange pictures against closed forms, the PNG format, pair counting, simulation; and in runs."""

import csv
import itertools
import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import kstest, multivariate_normal
from sklearn.metrics import roc_auc_score
from torch import nn

import lunette
from lunette.codes import NormalHead, StandardNormal
from lunette.errors import LunetteError, LunetteWarning
from lunette.faces.cli import main
from lunette.images import Images
from lunette.measures.detection import auroc, quantiles
from lunette.measures.likelihood.anomaly_scores import SCORES, anomaly_scores, compressed_lengths
from lunette.models import Autoencoder, Conditional
from lunette.progress import watched
from lunette.recipes import build
from lunette.uses.anomalies.anomalies import anomalies
from lunette.uses.train import train
from test_linear_vae import LATENT, SHAPE, LinearNormal

SCALE, WIDTH = 0.2, 0.3  # of the pixels, and of the posterior
STREAM = np.random.default_rng(0)
TINY = {"network": "mlp:32", "latent": 4, "pictures": 0}


def noise(*shape):
    return STREAM.integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run with a likelihood of 8-bit pixels, one of cross-entropy, one without a prior, one that is told labels."""
    folder = tmp_path_factory.mktemp("runs")
    made = {
        "vae": {"likelihood": "discretized-logistic", "epochs": 30, "validation": 0.4},
        "bernoulli": {"epochs": 1, "validation": 0.0},
        "autoencoder": {"epochs": 1},
        "cvae": {"likelihood": "discretized-logistic", "epochs": 1},
    }
    recipes = {"bernoulli": "vae"}
    return {
        name: train(recipes.get(name, name), out=folder / name, **TINY, **settings) for name, settings in made.items()
    }


@pytest.fixture(scope="module")
def strange(runs):
    """The scores of the test digits and, known to be strange, of pictures of noise."""
    return anomalies(runs["vae"], against=noise(90, 8, 8), n=7)


def test_scores_are_their_formulas():
    # Linear decoder W z + b with noise s, posterior N(A (x − b), t² I): every score has a closed form.
    torch.manual_seed(0)
    decoder = Conditional(nn.Linear(LATENT, 12), LinearNormal(SHAPE))
    encoder = Conditional(nn.Sequential(nn.Flatten(-3), nn.Linear(12, 2 * LATENT)), NormalHead(LATENT))
    weight, bias = decoder.network.weight.detach(), decoder.network.bias.detach()
    pull = torch.linalg.solve(torch.eye(LATENT) + weight.T @ weight / SCALE**2, weight.T) / SCALE**2
    with torch.no_grad():
        decoder.head.log_scale.fill_(math.log(SCALE))
        encoder.network[1].weight.copy_(torch.cat([pull, torch.zeros(LATENT, 12)]))
        encoder.network[1].bias.copy_(torch.cat([-pull @ bias, torch.full((LATENT,), 2 * math.log(WIDTH))]))
    model = Autoencoder(encoder, decoder, StandardNormal(LATENT))
    pixels = torch.from_numpy(noise(20, *SHAPE))
    found = anomaly_scores(model, pixels, samples=4000)

    x = pixels.flatten(1) / 255
    z = (x - bias) @ pull.T
    errors = (x - z @ weight.T - bias).square().sum(1)
    assert np.allclose(found["reconstruction"], errors, rtol=1e-4)
    constant = 12 * math.log(SCALE * math.sqrt(2 * math.pi))
    distortion = (errors + WIDTH**2 * weight.square().sum()) / (2 * SCALE**2) + constant
    rate = (z.square().sum(1) + LATENT * (WIDTH**2 - 1)) / 2 - LATENT * math.log(WIDTH)
    assert np.allclose(found["elbo"], distortion + rate, atol=0.4)
    covariance = weight @ weight.T + SCALE**2 * torch.eye(12)
    exact = -multivariate_normal(bias.numpy(), covariance.numpy()).logpdf(x.numpy())
    assert np.allclose(found["bound"], exact, atol=0.4)
    assert (found["elbo"] > exact).all()
    assert np.array_equal(found["bound"] - found["complexity"], compressed_lengths(pixels))
    again = anomaly_scores(model, pixels, names=["elbo"], samples=4000)
    assert list(again) == ["elbo"]
    assert np.array_equal(again["elbo"], found["elbo"])


@pytest.mark.parametrize("channels", [1, 3])
def test_lengths_are_of_the_compressed_pixels_alone(tmp_path, channels):
    pixels = np.concatenate([noise(2, channels, 28, 28), np.full((1, channels, 28, 28), 7, np.uint8)])
    lengths = compressed_lengths(torch.from_numpy(pixels))
    for image, length in zip(pixels, lengths, strict=True):
        Image.fromarray(image[0] if channels == 1 else image.transpose(1, 2, 0)).save(tmp_path / "x.png")
        data, place, held = (tmp_path / "x.png").read_bytes(), 8, 0
        while place < len(data):  # chunks of a PNG: length, name, content, checksum
            size, name = struct.unpack(">I4s", data[place : place + 8])
            held += size if name == b"IDAT" else 0
            place += size + 12
        assert length == pytest.approx(8 * math.log(2) * held)
    uniform = pixels[0].size * math.log(256)  # noise cannot be compressed
    assert uniform < lengths[0] < 1.1 * uniform
    assert lengths[2] < 0.05 * uniform


def test_the_area_is_the_share_of_pairs_in_order():
    scores, strange = STREAM.integers(0, 12, 60).astype(float), STREAM.random(60) < 0.4
    scores[strange] += 2
    normal, odd = scores[~strange], scores[strange]
    above = (odd[:, None] > normal) + 0.5 * (odd[:, None] == normal)
    value, error = auroc(scores, strange)
    assert value == pytest.approx(above.mean())
    assert value == pytest.approx(roc_auc_score(strange, scores))
    shares = above.mean(1).var(ddof=1) / len(odd) + above.mean(0).var(ddof=1) / len(normal)
    assert error == pytest.approx(math.sqrt(shares))
    assert auroc(-scores, strange) == pytest.approx((1 - value, error))
    assert math.isnan(auroc(np.arange(3.0), np.array([True, False, False])).standard_error)
    assert math.isnan(auroc(np.arange(4.0), np.array([False, False, True, True])).standard_error)  # no telling how sure


def test_the_areas_standard_error_is_its_spread():
    strange = np.arange(150) < 50
    draws = [auroc(STREAM.normal(size=150) + strange, strange) for _ in range(500)]
    spread = np.std([value for value, _ in draws])
    assert np.mean([error for _, error in draws]) == pytest.approx(spread, rel=0.1)


def test_quantiles_are_conformal():
    held_out, scores = STREAM.integers(0, 9, 20).astype(float), STREAM.integers(-1, 11, 50).astype(float)
    p = [(1 + sum(held_out >= score)) / 21 for score in scores]
    assert np.allclose(1 - quantiles(scores, held_out), p)
    # P(p ≤ α) is ⌊α (n + 1)⌋ / (n + 1) for a picture that is one of them, whatever their distribution.
    draws = np.array([1 - quantiles(x[:1], x[1:])[0] for x in STREAM.standard_cauchy((20_000, 20))])
    for alpha, share in ((0.05, 0.05), (0.12, 0.1), (0.5, 0.5)):
        assert (draws <= alpha + 1e-9).mean() == pytest.approx(share, abs=4 * math.sqrt(share / 20_000))


def test_quantiles_of_a_runs_own_pictures_are_uniform(runs):
    for score in SCORES:
        found = anomalies(runs["vae"], score=score)
        assert found.held_out == "647 validation pictures"
        assert kstest(found.quantiles, "uniform").pvalue > 0.01
        assert found.quantiles.min() >= 0
        assert found.quantiles.max() < 1
    assert anomalies(runs["bernoulli"]).held_out == "180 test pictures"


def test_simple_pictures_are_likely_and_the_correction_finds_them(runs):
    black_and_white = np.where(runs["vae"].dataset.test.pixels.numpy() > 127, 255, 0).astype(np.uint8)
    found = anomalies(runs["vae"], against=black_and_white).auroc
    assert found["elbo"].value < 0.1
    assert found["bound"].value < 0.1
    assert found["complexity"].value > 0.9


def test_a_result_is_ordered_and_drawn(runs, strange):
    run = runs["vae"]
    assert strange.score == "complexity"
    assert list(strange.by_name) == list(SCORES)
    assert strange.auroc["reconstruction"].value == pytest.approx(
        roc_auc_score(np.arange(270) >= 180, strange.by_name["reconstruction"])
    )
    assert all(a >= b for a, b in itertools.pairwise(strange.scores[strange.order]))
    assert strange.strangest.shape == (7, 2, 1, 8, 8)
    first = strange.order[strange.order < 180][0]
    own = anomalies(run, n=180)
    assert np.allclose(own.scores, strange.scores[:180], atol=40)  # other draws
    place = list(own.order).index(first)
    assert np.allclose(own.strangest[place, 0], run.dataset.test.pixels[first] / 255, atol=1e-6)
    errors = np.square(own.strangest[:, 0] - own.strangest[:, 1]).sum((1, 2, 3))
    assert np.allclose(errors, own.by_name["reconstruction"][own.order], rtol=1e-4)
    assert own.auroc == {}
    assert "auroc=" in repr(strange)
    width, height = strange.picture().size
    assert width > 4 * 2 * 96
    assert 2 * 96 < height < 3 * 96
    assert set(strange.arrays()) == {*SCORES, "quantiles", "numbers", "strange", "order", "images"}


def test_the_same_seed_gives_the_same(runs):
    one, same, other = (anomalies(runs["vae"], seed=seed, n=1) for seed in (1, 1, 2))
    assert np.array_equal(one.scores, same.scores)
    assert not np.array_equal(one.scores, other.scores)
    assert np.array_equal(one.by_name["reconstruction"], other.by_name["reconstruction"])


def test_a_table_of_a_folder_names_files_and_labels(runs, tmp_path):
    for name in ("good/a", "good/b", "bad/c"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(20, 30, 3)).save(tmp_path / "photos" / f"{name}.png")
    found = anomalies(runs["vae"], str(tmp_path / "photos"), strange=["bad"], against=noise(2, 5, 5))
    with found.save("table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["bad/c.png", "good/a.png", "good/b.png", "", ""]
    assert [row["label"] for row in rows] == ["bad", "good", "good", "", ""]
    assert [row["strange"] for row in rows] == ["1", "0", "0", "1", "1"]
    assert [row["number"] for row in rows] == list("01234")
    for name, scores in {**found.by_name, "quantile": found.quantiles}.items():
        assert [float(row[name]) for row in rows] == scores.tolist()


def test_scores_that_a_model_does_not_give_are_refused_by_name(runs):
    for name in ("elbo", "bound", "complexity"):
        with pytest.raises(LunetteError, match=f"autoencoder gives no score {name}: this model has no prior"):
            anomalies(runs["autoencoder"], score=name)
    assert list(anomalies(runs["autoencoder"]).by_name) == ["reconstruction"]
    with pytest.raises(LunetteError, match="no score complexity: its likelihood is no density of grey pixels"):
        anomalies(runs["bernoulli"], score="complexity")
    assert anomalies(runs["bernoulli"]).score == "reconstruction"
    with pytest.warns(LunetteWarning, match="the bound score .* is no probability of them: its likelihood"):
        found = anomalies(runs["bernoulli"], score="bound")
    assert list(found.by_name) == ["reconstruction", "elbo", "bound"]
    binary = build("vae", (1, 8, 8), {"binarize": "threshold"}).model
    assert list(lunette.measures.likelihood.anomaly_scores.refusals(binary, torch.from_numpy(noise(1, 1, 8, 8)))) == [
        "complexity"
    ]


def test_a_model_that_is_told_labels(runs):
    test = runs["cvae"].dataset.test
    unlabelled = Images(test.pixels)
    with pytest.raises(LunetteError, match="have no labels: say --label"):
        anomalies(runs["cvae"], unlabelled)
    told = anomalies(runs["cvae"], test.take(test.labels == 3), n=3)
    said = anomalies(runs["cvae"], unlabelled.take(test.labels == 3), label=3, n=3)
    assert np.array_equal(told.scores, said.scores)
    other = anomalies(runs["cvae"], unlabelled.take(test.labels == 3), label=4, n=3)
    assert not np.array_equal(told.by_name["reconstruction"], other.by_name["reconstruction"])
    assert np.isfinite(anomalies(runs["cvae"], test, against=test).scores).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"score": "bond"}, "unknown score 'bond'; did you mean 'bound'"),
        ({"n": 0}, "at least 1, not 0 and 16"),
        ({"samples": 0}, "at least 1, not 32 and 0"),
        ({"strange": ["3", "x"]}, "unknown label 'x'"),
        ({"strange": list(range(10))}, "all of the pictures are strange"),
        ({"images": noise(3, 8, 8), "strange": ["3"]}, "these pictures have none"),
        ({"images": "no-such-folder"}, "no data source and no path"),
        ({"label": 3}, "not told what pictures show"),
    ],
)
def test_mistakes_are_told(runs, settings, words):
    with pytest.raises(LunetteError, match=words):
        anomalies(runs["vae"], **settings)


def test_the_verb_of_the_command_line(runs, capsys):
    run = str(runs["vae"].path)
    assert main(["anomalies", run, "--strange", "3", "8", "--csv", "table", "-o", "strangest.png", "--n", "5"]) == 0
    out = capsys.readouterr().out
    assert "180 pictures by complexity" in out
    assert "99 % quantile of 647 validation pictures" in out
    assert out.count("AUROC") == 4
    assert out.splitlines()[-2:] == ["strangest.png", "table.csv"]
    with Path("table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["strange"] == "1" for row in rows) == sum(row["label"] in ("3", "8") for row in rows) > 10
    np.save("noise.npy", noise(40, 6, 6, 3))
    assert main(["anomalies", run, "noise.npy", "--against", "noise.npy", "--score", "reconstruction"]) == 0
    assert "80 pictures by reconstruction" in capsys.readouterr().out
    assert (runs["vae"].pictures / "anomalies.png").is_file()
    assert main(["anomalies", str(runs["autoencoder"].path), "--score", "elbo"]) == 2
    assert "no score elbo" in capsys.readouterr().err


def test_the_command_line_writes_the_table_where_its_name_says_so(runs, tmp_path):
    assert main(["anomalies", str(runs["vae"].path), "-o", str(tmp_path / "scores.csv")]) == 0
    assert len((tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()) == 181


def test_the_verb_of_python_shows_progress(runs, capsys):
    assert len(lunette.anomalies(runs["vae"], progress=False).scores) == 180
    seen = []
    with watched(seen.append):
        anomalies(runs["vae"])
    scoring = [progress for progress in seen if progress.what != "coding pictures"]
    assert {progress.what for progress in scoring} == {"scoring validation pictures", "scoring the pictures"}
    assert (scoring[-1].done, scoring[-1].total) == (180, 180)


def test_a_part_of_many_pictures_is_taken_and_said(runs, monkeypatch, tmp_path):
    monkeypatch.setattr("lunette.uses.anomalies.anomalies.MOST", 100)
    other = noise(150, 8, 8)
    with pytest.warns(LunetteWarning, match="--all-pictures") as warned:
        part = anomalies(runs["vae"], against=other, n=1)
    words = [str(w.message) for w in warned]
    held_out = len(runs["vae"].dataset.validation)
    for each in (f"100 of the {held_out} validation", "100 of the 180 test", "100 of the 150 pictures that are known"):
        assert any(each in word for word in words), each
    whole = anomalies(runs["vae"], against=other, n=1, all_pictures=True)
    assert len(whole.scores) == 330
    assert len(part.scores) == 200
    assert part.strange.sum() == 100
    assert part.held_out_pictures == 100
    # Each keeps its number, and pictures of one number have one score.
    assert whole.numbers.tolist() == list(range(330))
    assert (np.diff(part.numbers) > 0).all()
    assert (part.numbers[part.strange] >= 180).all()
    same = part.by_name["reconstruction"], whole.by_name["reconstruction"][part.numbers]
    assert np.allclose(*same, rtol=1e-4)
    part.save(tmp_path / "scores.csv")
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()))
    assert [int(row["number"]) for row in rows] == part.numbers.tolist()


def test_own_pictures_and_those_of_rare_labels_are_all_taken(runs, monkeypatch):
    monkeypatch.setattr("lunette.uses.anomalies.anomalies.MOST", 100)
    for settings, n in (({"images": noise(130, 8, 8)}, 130), ({"strange": ["3"]}, 180)):
        with pytest.warns(LunetteWarning, match="validation pictures, which quantiles are by"):
            assert len(anomalies(runs["vae"], **settings, n=1).scores) == n


@pytest.mark.parametrize(("held_out", "can"), [(20, False), (99, False), (100, True)])
def test_a_quantile_is_told_where_so_many_were_held_out_that_a_picture_can_be_above_it(strange, held_out, can):
    highest = quantiles(np.array([np.inf]), np.zeros(held_out))
    found = replace(strange, held_out=f"{held_out} pictures", held_out_pictures=held_out, quantiles=highest)
    assert (highest[0] > 0.99) == can
    assert ("1 above the 99 % quantile" in found.verdict()) == can
    assert ("are too few for a 99 % quantile" in found.verdict()) != can
