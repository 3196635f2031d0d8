"""The hierarchical model against the flat one, quadrature and Monte Carlo, and what runs of it are good for."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal

import lunette
from lunette.codes import StandardNormal
from lunette.compute.coding import decode, encode
from lunette.compute.processes import ProcessGroup
from lunette.errors import LunetteError
from lunette.models import Ladder
from lunette.networks import Level, architecture, topmost
from lunette.objectives import distortion, importance_bound, log_weights, loss, rate
from lunette.recipes import build
from lunette.runs import Run
from lunette.training.evaluate import evaluate
from lunette.uses.evidence import evidence
from lunette.uses.train import train
from test_linear_vae import LinearNormal

NETWORKS = [("mlp:16,12,8", 3), ("conv:4/2,6,8/2:5", 4), ("residual:4,4/2,8/2", 2)]
SHAPES = [(1, 28, 28), (3, 32, 32)]


def built(shape=(1, 8, 8), **given):
    torch.manual_seed(0)
    return build("ladder", shape, {"latent": 2} | given)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two hundred steps on the digits."""
    out = tmp_path_factory.mktemp("runs") / "ladder"
    given = {"network": "mlp:64,32", "rungs": 2, "latent": 3, "pictures": 0}
    return train("ladder", out=out, epochs=17, validation=0.0, learning_rate=3e-3, **given)


def test_one_rung_is_the_flat_vae():
    torch.manual_seed(0)
    given = {"network": "mlp:12,9", "latent": 3, "binarize": "dynamic"}
    flat, ladder = build("vae", (1, 8, 8), given).model, build("ladder", (1, 8, 8), given | {"rungs": 1}).model
    with torch.no_grad():
        for mine, other in zip(ladder.parameters(), flat.parameters(), strict=True):
            mine.copy_(other)
    traces, codes = [], []
    for model in (flat, ladder):
        torch.manual_seed(1)
        traces.append(model.trace(torch.rand(6, 1, 8, 8), samples=4))
        codes.append((*model.encode(torch.rand(6, 1, 8, 8)), *model.draw(5, temperature=0.7)))
    one, other = traces
    assert other.x.equal(one.x)
    torch.testing.assert_close(other.latents[0].z, one.latents[0].z)
    torch.testing.assert_close(other.px.mean, one.px.mean)
    torch.testing.assert_close(codes[1], codes[0])
    for term in (distortion, rate, importance_bound):
        torch.testing.assert_close(term(ladder, other), term(flat, one))


def test_the_rate_is_the_mean_over_samples_and_the_sum_over_rungs():
    model = built(network="mlp:16,12,8").model
    with torch.no_grad():
        for parameter in model.rungs.parameters():
            parameter.mul_(10)
    trace = model.trace(torch.rand(5, 1, 8, 8), samples=7)
    expected = torch.zeros(5)
    for latent in trace.latents:
        (m, s), (μ, σ) = [(p.mean.expand(7, 5, 2), p.stddev.expand(7, 5, 2)) for p in (latent.q, latent.p)]
        kl = (σ / s).log() + (s**2 + (m - μ) ** 2) / (2 * σ**2) - 0.5
        expected += kl.sum(2).mean(0)
        assert kl.var(0).sum() > 1e-4 or latent is trace.latents[0]
    torch.testing.assert_close(rate(model, trace), expected)


@pytest.fixture
def tiny():
    """A ladder of two rungs of one number each over twelve pixels, and two pictures."""
    torch.manual_seed(3)
    down = nn.Sequential(nn.Tanh(), nn.Linear(4, 12))
    low = Level(nn.Sequential(nn.Flatten(-3), nn.Linear(12, 4)), down, (4,))
    top = Level(nn.Linear(4, 3), nn.Linear(3, 4), (3,))
    model = Ladder([low, top], 1, LinearNormal((1, 3, 4)), StandardNormal(1))
    with torch.no_grad():
        model.pixels.log_scale.fill_(0.0)
        for parameter in model.rungs.parameters():
            parameter.mul_(8)
    return model, torch.randn(2, 1, 3, 4)


def test_weights_have_the_evidence_as_their_mean(tiny):
    model, x = tiny
    steps = torch.linspace(-9, 9, 361)
    with torch.no_grad():
        above, below = (grid.reshape(-1, 1) for grid in torch.meshgrid(steps, steps, indexing="ij"))
        h = model.downs[0](model.codes[0](above))
        mean, log_var = model.rungs[0].above(h.relu())[:, :2].chunk(2, dim=1)
        prior = Normal(0, 1).log_prob(above) + Normal(mean, (log_var / 2).exp()).log_prob(below)
        logs = model.decode((above, below)).log_prob(x[:, None]) + prior[:, 0]
        exact = logs.double().exp().sum(1) * float(steps[1] - steps[0]) ** 2
        weights = log_weights(model.trace(x, samples=100_000)).double().exp()
        drawn = model.decode(model.draw(100_000)).log_prob(x[:, None]).double().exp().T
    assert mean.std() > 0.1  # the lower rung does read the upper one
    for found in (weights, drawn):
        error = found.std(0) / math.sqrt(len(found))
        assert (error < 0.02 * exact).all()
        assert ((found.mean(0) - exact).abs() < 4 * error).all()


def test_elbo_is_the_mean_of_the_log_weights(tiny):
    model, x = tiny
    with torch.no_grad():
        trace = model.trace(x, samples=100_000)
        logs = log_weights(trace).double()
        elbo = -(distortion(model, trace) + rate(model, trace))
        assert ((logs.mean(0) - elbo).abs() < 4 * logs.std(0) / math.sqrt(len(logs))).all()


@pytest.mark.parametrize(("network", "rungs"), NETWORKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_codes_are_drawn_and_decoded(network, rungs, shape):
    model = built(shape, network=network, rungs=rungs).model
    codes = model.draw(4)
    x = torch.rand(3, *shape)
    trace = model.trace(x, samples=2)
    assert [latent.z.shape for latent in trace.latents] == [(2, 3, code.shape[1]) for code in codes]
    assert trace.px.log_prob(x).shape == (2, 3)
    assert model.decode(codes).mean.shape == (4, *shape)
    assert [code.shape for code in model.encode(x)] == [(3, code.shape[1]) for code in codes]
    # Codes decode to the same pictures under one batch dimension as under two.
    z = tuple(latent.z for latent in trace.latents)
    torch.testing.assert_close(model.decode(z).mean, trace.px.mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.decode(tuple(c[1] for c in z)).mean, trace.px.mean[1], rtol=1e-4, atol=1e-5)


def test_a_rung_has_a_code_at_each_of_its_levels_places():
    model = built((3, 32, 32), network="conv:4/2,6,8/2:5", rungs=4, latent=2).model
    assert [code.shape[1] for code in model.draw(1)] == [2, 2 * 8 * 8, 2 * 16 * 16, 2 * 16 * 16]


@pytest.mark.parametrize(("network", "rungs"), NETWORKS)
def test_gradient_reaches_every_parameter(network, rungs):
    recipe = built((3, 9, 14), network=network, rungs=rungs)
    terms = recipe.objective(recipe.model, recipe.model.trace(torch.rand(6, 3, 9, 14)))
    loss(terms, recipe.objective.weights(99)).backward()
    for name, parameter in recipe.model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_a_deep_ladder_starts_gently():
    """Twelve rungs of residual blocks: no rung but the top costs more than a few hundredths of a nat a number."""
    recipe = built((3, 32, 32), network="residual:8/2" + 11 * ",8", rungs=12)
    trace = recipe.model.trace(torch.rand(4, 3, 32, 32))
    for latent in trace.latents:
        single = rate(recipe.model, type(trace)(trace.x, (latent,), trace.px)).mean() / latent.z.shape[2]
        assert single < (0.5 if latent is trace.latents[0] else 0.05)


def test_encode_is_deterministic_and_goes_down_by_means():
    model = built(network="mlp:16,12", rungs=2, binarize="dynamic").model
    x = torch.rand(5, 1, 8, 8)
    top, low = model.encode(x)
    assert [one.equal(other) for one, other in zip((top, low), model.encode(x), strict=True)] == [True, True]
    below, above = model._up(x)[::-1]
    torch.testing.assert_close(top, model.top(above).mean)
    _, q = model.rungs[0](model.downs[0](model.codes[0](top)), below)
    torch.testing.assert_close(low, q.mean)


def test_codes_left_out_are_at_their_prior_means():
    model = built(network="mlp:16,12,8").model
    with torch.no_grad():
        for parameter in model.rungs.parameters():
            parameter.mul_(10)
    codes = model.draw(4, temperature=0.0)
    assert codes[0].equal(torch.zeros(4, 2))
    torch.testing.assert_close(model.decode(codes[:1]).mean, model.decode(codes).mean)
    warm = model.draw(4)
    assert not torch.allclose(model.decode(warm[:1]).mean, model.decode(warm).mean, atol=1e-4)


def test_bad_rungs_are_refused():
    for rungs in (0, 4):
        with pytest.raises(LunetteError, match=f"places for 1 to 3 rungs of codes, not {rungs}"):
            built(rungs=rungs)
    with pytest.raises(LunetteError, match="latent must be greater than 0, not -1"):
        built(latent=-1)


def test_levels_below_the_rungs_are_walked_too():
    levels = architecture("mlp:5,4,3").levels((1, 2, 2), 8)
    x, h = torch.rand(2, 1, 2, 2), torch.rand(2, 3)
    (one,) = topmost(levels, 1)
    assert one.shape == (3,)
    assert one.up(x).equal(levels[2].up(levels[1].up(levels[0].up(x))))
    assert one.down(h).equal(levels[0].down(levels[1].down(levels[2].down(h))))


def test_two_hundred_steps_on_the_digits(run):
    losses = [row["loss"] for row in run.metrics() if row["split"] == "train"]
    assert run.metrics()[-1]["step"] >= 200
    assert losses[-1] < losses[0] - 5


def test_the_weights_that_were_trained_are_loaded(run):
    recipe, model = run.recipe(), Run(run.path).model(device="cpu")
    weights = recipe.objective.weights(math.inf)

    def terms(x, y):
        return recipe.objective(model, model.trace(x))

    device = torch.device("cpu")
    found = evaluate(terms, weights, run.dataset.test, run.settings.training.seed, device, ProcessGroup())
    # The noise of a measurement is a function of the run's seed, so the same weights measure the same.
    assert found.terms["rate"] == pytest.approx(run.metrics()[-1]["rate"], rel=1e-6)
    assert found.terms["distortion"] == pytest.approx(run.metrics()[-1]["distortion"], rel=1e-6)


def test_the_rates_of_rungs_sum_to_the_rate():
    recipe = build("ladder", (1, 8, 8), {"network": "mlp:16,12,8", "latent": 3})
    values = recipe.objective(recipe.model, recipe.model.trace(torch.rand(5, 1, 8, 8)))
    rungs = [values[f"rate_of_rung_{i}"] for i in (1, 2, 3)]
    torch.testing.assert_close(sum(rungs), values["rate"])


def test_the_lowest_rung_pays_from_the_start_and_each_can_be_weighed_by_itself():
    weights = built(rate_warmup=4.0, beta=2.0).objective.weights
    assert [[weights(t)[f"rate_of_rung_{i}"] for i in (1, 2, 3)] for t in (0, 1, 4, 9)] == [
        [0, 0, 2],
        [0.5, 0.5, 2],
        [2, 2, 2],
        [2, 2, 2],
    ]
    weights = built(rate_warmup=(4.0, 2.0, 1.0), beta=(1.0, 2.0, 3.0)).objective.weights(1)
    assert [weights[f"rate_of_rung_{i}"] for i in (1, 2, 3)] == [0.25, 1, 3]
    assert weights["rate"] == 0
    for setting in ({"beta": (1.0, 2.0)}, {"rate_warmup": (1.0,)}, {"free": (1.0, 2.0)}):
        with pytest.raises(LunetteError, match="one for each of 3 rungs"):
            built(**setting)


def test_a_rungs_nats_are_free_up_to_a_limit_of_their_mean():
    recipe = built(free=(1e3, 0.0, 1e-9))
    values = recipe.objective(recipe.model, recipe.model.trace(torch.rand(5, 1, 8, 8)))
    weights = recipe.objective.weights(100)
    assert values["free_rate_of_rung_1"] == 1e3
    assert values["free_rate_of_rung_3"] == values["rate_of_rung_3"]
    assert "free_rate_of_rung_2" not in values
    assert [weights[f"rate_of_rung_{i}"] for i in (1, 2, 3)] == [0, 1, 0]
    with pytest.raises(LunetteError, match="free up to 0 nats or more"):
        built(free=-1.0)


def test_every_use_works_on_a_ladder(run):
    model, test = run.model(device="cpu"), run.dataset.test
    shown = np.asarray(lunette.reconstruct(run, n=6))
    assert np.allclose(shown[1::2], decode(model, encode(model, test.pixels[:6])), atol=1e-6)
    walk = np.asarray(lunette.interpolate(run, [0, "label:7", 2], steps=5))
    assert np.allclose(walk[[0, 8]], decode(model, encode(model, test.pixels[[0, 2]])), atol=1e-5)
    assert np.asarray(lunette.sample(run, 10)).shape == (10, 1, 8, 8)
    codes = lunette.latents(run)
    assert codes.codes.shape == (len(test), 6)
    assert codes.arrays()["rungs"].tolist() == [3, 3]
    assert codes.picture().size == (768, 672)
    assert np.asarray(lunette.manifold(run, 4)).shape == (16, 1, 8, 8)
    few = evidence(run, samples=1).mean
    assert 0 < evidence(run, samples=20).mean < few
    assert {path.name for path in run.pictures.iterdir()} >= {"curves.png", "latents.png", "manifold.png"}


def test_the_map_walks_the_top_rung(run):
    model = run.model(device="cpu")
    center = np.asarray(lunette.manifold(run, 1, dimensions=(0, 2)))
    top = encode(model, run.dataset.test.pixels)[0].mean(0, keepdim=True)
    assert np.allclose(center, decode(model, (top,)), atol=1e-5)
