"""The importance bound against the exact evidence of a linear-Gaussian model, and its memory."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from lunette.codes import DiracHead, StandardNormal
from lunette.errors import LunetteError, LunetteWarning
from lunette.likelihoods import LIKELIHOODS, NormalPixelHead, pixel_head
from lunette.measures.likelihood import bound as room
from lunette.measures.likelihood.bound import evidence_model
from lunette.models import Autoencoder, Conditional
from lunette.objectives import distortion, importance_bound, log_weights, rate
from lunette.recipes import build
from lunette.uses.evidence import evidence
from lunette.uses.train import train
from test_linear_vae import SHAPE, linear_model

N, SCALE = 40, 0.2


@pytest.fixture
def linear():
    """A linear decoder of pixels, an encoder whose posterior is near the true one, pictures, their exact evidence."""
    model, exact = linear_model(SCALE, variance=1.5)
    pixels = (torch.rand(N, *SHAPE) * 255).to(torch.uint8)
    return model, pixels, -exact.logpdf(pixels.flatten(1).numpy() / 255)


def test_the_bound_meets_the_exact_evidence(linear):
    model, pixels, exact = linear
    runs = np.stack([evidence_model(model, pixels, 5000, seed).bounds for seed in range(8)])
    error = (runs.mean(0) - exact) / (runs.std(0, ddof=1) / math.sqrt(8))
    assert np.abs(runs.mean(0) - exact).max() < 0.05
    assert np.abs(error.mean()) < 3 / math.sqrt(N) + 0.5  # it is an upper bound, of a small bias


def test_the_bound_falls_with_samples_and_one_sample_is_the_elbo(linear):
    model, pixels, exact = linear
    means = [evidence_model(model, pixels, samples, 0).mean for samples in (1, 3, 20, 3000)]
    assert means[0] > means[1] > means[2] > means[3] - 0.01
    assert means[-1] > exact.mean() - 0.02
    many = np.mean([evidence_model(model, pixels, 1, seed).mean for seed in range(300)])
    trace = model.trace(pixels / 255, samples=3000)
    elbo = (distortion(model, trace) + rate(model, trace)).mean().item()
    assert many == pytest.approx(elbo, abs=0.05)


def test_the_term_is_the_mean_of_weights(linear):
    model, pixels, _ = linear
    trace = model.trace(pixels / 255, samples=7)
    weights = log_weights(trace).double().exp()
    assert torch.allclose(importance_bound(model, trace).double(), -weights.mean(0).log(), rtol=1e-5)


def test_passes_of_any_size_estimate_the_same(linear, monkeypatch):
    model, pixels, exact = linear
    for values in (12, 500, 2**20):
        monkeypatch.setattr(room, "PASS_VALUES", values)
        assert np.abs(evidence_model(model, pixels[:8], 2000, 1).bounds - exact[:8]).max() < 0.2


RANDOM = [{"binarize": "dynamic"}]  # every way to have a random target; the test after this one sees that it is all


@pytest.mark.parametrize("arguments", RANDOM)
def test_a_random_target_is_drawn_once_however_many_passes_there_are(arguments, monkeypatch):
    torch.manual_seed(0)
    model = build("vae", (1, 8, 8), {"latent": 2, "network": "mlp:16"} | arguments).model.eval()
    with torch.no_grad():  # so that codes matter little, and a new target in each pass would matter much
        model.decoder.network[-1].weight.mul_(0.01)
    pixels = torch.randint(30, 225, (30, 1, 8, 8), dtype=torch.uint8)
    found = {}
    for values in (64 * 5, 64 * 400, 2**20):
        monkeypatch.setattr(room, "PASS_VALUES", values)
        found[values] = evidence_model(model, pixels, 400, 1)
    one = found.pop(2**20)
    for other in found.values():
        assert np.abs(other.bounds - one.bounds).max() < 0.15
    assert np.abs(evidence_model(model, pixels, 400, 2).bounds - one.bounds).max() > 1  # another seed, other targets


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("binarize", ["none", "threshold", "dynamic"])
def test_a_head_says_whether_its_target_is_random(likelihood, binarize):
    if binarize != "none" and likelihood != "bernoulli":
        return
    head, x = pixel_head(likelihood, (1, 4, 4), binarize), torch.rand(50, 1, 4, 4)
    assert head.random == (not torch.equal(head.target(x), head.target(x)))
    assert head.random == ({"binarize": binarize} in RANDOM)


def test_of_a_run_and_what_is_refused(tmp_path):
    run = train("vae", out=tmp_path / "vae", epochs=1, pictures=0, network="mlp:8", latent=2)
    with pytest.warns(LunetteWarning, match="grey pixels"):
        found = evidence(run, samples=3)
    assert len(repr(found)) < 120
    assert found.bounds.shape == (len(run.dataset.test),)
    assert 0 < found.standard_error < found.mean
    with pytest.raises(LunetteError, match="1 sample or more"):
        evidence(run, samples=0)
    plain = build("autoencoder", (1, 8, 8)).model
    with pytest.raises(LunetteError, match="has no prior"):
        evidence_model(plain, run.dataset.test.pixels, 3, 0)
    head = DiracHead(2)
    encoder = Conditional(nn.Sequential(nn.Flatten(-3), nn.Linear(64, 2)), head)
    point = Autoencoder(encoder, Conditional(nn.Linear(2, 64), NormalPixelHead((1, 8, 8))), StandardNormal(2))
    with pytest.raises(LunetteError, match="no density"):
        evidence_model(point, run.dataset.test.pixels, 3, 0)


def test_memory_depends_on_neither_pictures_nor_samples():
    script = (
        "import resource, torch\n"
        "from lunette.recipes import build\n"
        "from lunette.uses.evidence import evidence_model\n"
        "torch.set_num_threads(1)\n"
        "model = build('vae', (1, 28, 28)).model.eval()\n"
        "def peak(n, k):\n"
        "    evidence_model(model, torch.zeros(n, 1, 28, 28, dtype=torch.uint8), k, 0)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(peak(2, 2000), peak(40, 4000))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    small, large = map(int, output.split())
    assert large < 1.05 * small


def test_it_leaves_the_random_state_alone(tmp_path):
    run = train("vae", out=tmp_path / "run", epochs=1, network="mlp:8", latent=2, binarize="threshold", pictures=0)
    before = torch.get_rng_state()
    evidence(run, samples=3)
    assert torch.equal(torch.get_rng_state(), before)
