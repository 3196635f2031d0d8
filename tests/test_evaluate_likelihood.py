"""The groups likelihood and codes of an evaluation, against closed forms."""

import math

import numpy as np
import pytest
import torch

from lunette.errors import LunetteError, Unsupported
from lunette.images import Images
from lunette.likelihoods import BernoulliHead
from lunette.measures.likelihood import bound as room
from lunette.measures.likelihood.annealing import Annealing
from lunette.measures.likelihood.bound import evidence_model
from lunette.progress import watched
from lunette.recipes import build
from lunette.runs import Run
from lunette.uses.evaluate import evaluate
from lunette.uses.evaluate import likelihood as group
from lunette.uses.evaluate.codes import ceiling
from lunette.uses.evaluate.likelihood import basis_of, halves_of_the_bound, once
from lunette.uses.train import train

QUICK = {"epochs": 1, "network": "mlp:16", "latent": 3, "pictures": 0}
SHAPE = (1, 4, 4)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs by name: of black-and-white digits, of a density, of points and of codes on several rungs."""
    made = {
        "vae": ("vae", {"binarize": "dynamic"}),
        "normal": ("vae", {"likelihood": "normal"}),
        "levels": ("vae", {"likelihood": "discretized-logistic"}),
        "grey": ("vae", {}),
        "autoencoder": ("autoencoder", {}),
        "ladder": ("ladder", {"network": "mlp:16,8", "rungs": 2}),
        "full": ("vae", {"posterior": "full"}),
        "cvae": ("cvae", {}),
    }
    folder = tmp_path_factory.mktemp("runs")
    return {name: train(recipe, "digits", out=folder / name, **QUICK | given) for name, (recipe, given) in made.items()}


@pytest.fixture(autouse=True)
def _few_chains(monkeypatch):
    monkeypatch.setattr(group, "Annealing", lambda: Annealing(4, 12))


def test_the_numbers_of_a_vae_hang_together(runs):
    found = evaluate(runs["vae"], ["likelihood"], pictures=60, samples=50).groups["likelihood"]
    value = {name: number.value for name, number in found.numbers.items()}
    assert value["−ELBO"] == pytest.approx(value["distortion"] + value["rate"])
    assert value["importance bound, K = 50"] < value["−ELBO"]
    assert value["bits per pixel, K = 50"] == pytest.approx(value["importance bound, K = 50"] / (64 * math.log(2)))
    assert value["annealed bound"] == pytest.approx(value["importance bound, K = 50"], abs=1)
    assert abs(value["annealed gap"]) < 1
    assert all(number.error > 0 for number in found.numbers.values())
    assert found.basis == "bernoulli, binarized dynamically"
    again = evaluate(runs["vae"], ["likelihood"], pictures=60, samples=50).groups["likelihood"]
    assert again == found


def test_what_is_no_probability_is_said(runs):
    named = [name for name in runs if name != "autoencoder"]
    found = {name: evaluate(runs[name], ["likelihood"], pictures=12, samples=3).groups["likelihood"] for name in named}
    with_bits = {name for name, each in found.items() if "bits per pixel, K = 3" in each.numbers}
    assert with_bits == {"vae", "levels"}
    assert "no likelihoods to compare" in found["grey"].notes[0]
    assert "no density of grey pixels" in found["grey"].notes[0]
    assert "make no bits per pixel" in found["normal"].notes[0]
    assert any(note.startswith("not annealed: annealing moves codes of one rung") for note in found["ladder"].notes)
    bases = {name: each.basis for name, each in found.items()}
    assert bases["grey"] == bases["ladder"] == "bernoulli, of grey pixels"
    assert bases["normal"] == "normal"
    assert bases["cvae"] == "bernoulli, of grey pixels, given the label"
    with pytest.raises(LunetteError, match="has no prior"):
        evaluate(runs["autoencoder"], ["likelihood"])
    with pytest.raises(LunetteError, match="5,000 at most, not 5001"):
        evaluate(runs["vae"], ["likelihood"], samples=5001)


def test_some_of_the_pictures_are_annealed_with_the_labels_of_those(runs, monkeypatch):
    monkeypatch.setattr(group, "ANNEALED", 7)
    found = evaluate(runs["cvae"], ["likelihood"], pictures=20, samples=20).groups["likelihood"]
    assert found.notes[-1].startswith("annealed: 7 of the pictures")
    of_the_same = float(found.notes[-1].split("importance bound is ")[1].split()[0])
    assert found.numbers["annealed bound"].value == pytest.approx(of_the_same, abs=1)


def test_the_numbers_of_a_model_that_leaks_are_refused(runs, monkeypatch):
    def mixed(network, inputs, logits):
        return logits + logits.mean(-2, keepdim=True)

    def leaking(self, checkpoint="last", device="auto"):
        found = trained(self, checkpoint, device)
        found.recipe.model.decoder.network.register_forward_hook(mixed)
        return found

    trained = Run.trained
    monkeypatch.setattr(Run, "trained", leaking)
    with pytest.raises(LunetteError, match="leaks across pictures"):
        evaluate(runs["vae"], ["likelihood"], pictures=6, samples=2)


def test_a_basis_names_scale_and_labels():
    def named(name, **given):
        return basis_of(build(name, SHAPE, {"network": "mlp:4"} | given, labels=3))

    assert named("vae", likelihood="squared-error:0.5") == "squared-error of scale 0.5"
    assert named("denoising") == "squared-error of scale 0.7071, of damaged pictures"
    assert named("cvae", binarize="threshold") == "bernoulli, binarized at one half, given the label"


def test_black_and_white_is_drawn_once():
    pixels = torch.full((3000, *SHAPE), 51, dtype=torch.uint8)
    drawn = once(BernoulliHead(SHAPE, "dynamic"), Images(pixels), 0).pixels
    assert set(drawn.unique().tolist()) == {0, 255}
    assert drawn.float().mean().item() / 255 == pytest.approx(0.2, abs=0.01)
    assert torch.equal(drawn, once(BernoulliHead(SHAPE, "dynamic"), Images(pixels), 0).pixels)
    head = BernoulliHead(SHAPE, "dynamic")
    assert torch.equal(head.target(drawn / 255), drawn / 255)  # and a bound that draws again finds the same
    assert once(BernoulliHead(SHAPE), Images(pixels), 0).pixels is pixels


def test_many_draws_of_large_pictures_take_passes(monkeypatch):
    model = build("vae", (3, 64, 64), {"network": "mlp:2", "latent": 2}).model.eval()
    monkeypatch.setattr(room, "PASS_VALUES", 3 * 64 * 64)
    seen = []
    x = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    with watched(seen.append):
        evidence_model(model, x, 20, 0)
    assert [progress.done for progress in seen] == list(range(1, 41))
    assert seen[-1].total == 40

    def full(*_, **__):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr(model, "trace", full)
    with pytest.raises(LunetteError, match="memory does not suffice for one draw"):
        evidence_model(model, x, 20, 0)


def test_halves_are_the_terms(runs):
    model, test = runs["grey"].model(), runs["grey"].dataset.test
    lost, told = halves_of_the_bound(model, test.pixels[:40], None, 0)
    x = test.pixels[:40] / 255
    q = model.encoder(x)
    exact = torch.distributions.kl_divergence(q, model.prior())
    assert np.allclose(told, exact.detach().numpy(), rtol=1e-4)
    many = -model.decode((q.sample((400,)),)).log_prob(x).mean(0).detach().numpy()
    assert np.abs(lost - many).mean() < 0.5


def test_codes_of_every_kind_of_run(runs):
    found = {name: evaluate(runs[name], ["codes"], pictures=50).groups["codes"] for name in runs}
    assert set(found["vae"].numbers) == {
        "active units",
        "mutual information",
        "aggregate divergence",
        "MMD",
        "distance to prior",
    }
    assert found["vae"].numbers["active units"].unit == "of 3"
    assert len(found["vae"].lists["rate by dimension"]) == 3
    assert found["vae"].numbers["mutual information"].value <= math.log(50)
    assert "at most log 50 = 3.91 nats" in found["vae"].notes[-1]
    few = evaluate(runs["vae"], ["codes"], pictures=20).groups["codes"]
    said = "of 20 pictures: variances, and with them the active units, say little"
    assert (said in few.notes, any("active units, say" in note for note in found["vae"].notes)) == (True, False)
    assert "nearly reached" in ceiling(3.0, 50)
    assert "nearly reached" not in ceiling(2.9, 50)
    assert set(found["autoencoder"].numbers) == {"active units"}
    assert "no prior" in found["autoencoder"].notes[0]
    assert len(found["ladder"].lists["rate by dimension"]) == 6
    assert "mutual information" not in found["ladder"].numbers
    assert (runs["vae"].path / "pictures" / "codes-rate-by-dimension.png").is_file()


def test_collapse_is_named_where_dimensions_depend_on_one_another(runs, monkeypatch):
    assert "collapse" not in " ".join(evaluate(runs["full"], ["codes"], pictures=50).groups["codes"].notes)
    monkeypatch.setattr("lunette.uses.evaluate.codes.COLLAPSED", 100.0)
    found = evaluate(runs["full"], ["codes"], pictures=50).groups["codes"]
    assert "posterior collapse: all dimensions together carry" in " ".join(found.notes)


def test_codes_are_measured_without_a_prior_that_has_not_learned_and_of_one_picture(runs, monkeypatch):
    alone = evaluate(runs["vae"], ["codes"], pictures=1).groups["codes"].numbers
    assert "distance to prior" in alone
    assert "MMD" not in alone  # no pair is there

    def unlearned(trained):
        raise Unsupported("it had not begun to learn")

    monkeypatch.setattr("lunette.uses.evaluate.codes.check_learned", unlearned)
    found = evaluate(runs["vae"], ["codes"], pictures=50).groups["codes"]
    assert set(found.numbers) == {"active units", "mutual information", "aggregate divergence"}
    assert found.notes[-1] == "not compared with the prior: it had not begun to learn"
