"""The path derivative: slopes without an inverse, no bias, and no noise at the true posterior."""

import math

import pytest
import torch
from torch import nn

from lunette.codes import Leapfrog, NormalHead, StandardNormal, log_prob_by_path
from lunette.codes.flows.flow import slope_of
from lunette.codes.flows.planar import Planar
from lunette.models import Autoencoder, Conditional
from lunette.objectives import PathRate, distortion, importance_bound, rate
from lunette.recipes import build
from test_codes import FLOWS, posterior
from test_hamiltonian import linear
from test_linear_vae import LinearNormal


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("spec", FLOWS)
@pytest.mark.parametrize("latent", [1, 5])
def test_a_flow_carries_the_slope_of_its_density_along(spec, latent):
    q = posterior(spec, latent, n=6, spread=2.0)
    z = q.rsample((3,))
    torch.testing.assert_close(q.slope(z), slope_of(q.log_prob, z), rtol=1e-5, atol=1e-6)  # which takes the inverse


def test_of_codes_that_it_did_not_draw_last_a_flow_takes_the_slope_by_the_inverse():
    q = posterior("planar:2", 3, n=4)
    earlier = q.rsample()
    expected = q.slope(earlier)
    q.rsample()
    torch.testing.assert_close(q.slope(earlier), expected)


def test_the_slope_of_a_masked_network_that_bends_a_lot_takes_all_its_rounds():
    q = posterior("iaf:2", 6, n=4)
    for step in q.steps:
        for parameter in step.network.parameters():
            parameter.data *= 3
    z = q.rsample()
    torch.testing.assert_close(q.slope(z), slope_of(q.log_prob, z), rtol=1e-3, atol=1e-4)


def test_a_planar_map_never_folds_so_that_its_slope_has_a_bound():
    """It is 650 here, and without the least stretch 250,000 and more."""
    u, w = torch.tensor([[-20.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    step, z = Planar(u, w, torch.zeros(1)), torch.linspace(-3, 3, 601)[:, None] * w
    slopes = step.slope(z, -z)  # of a standard normal
    assert slopes.norm(dim=-1).max() < 700
    exact = Planar(u.double(), w.double(), torch.zeros(1).double()).slope(z.double(), -z.double())
    torch.testing.assert_close(slopes.double(), exact, rtol=1e-3, atol=1e-4)


def path_and_total(model, x, draws):
    """Return the encoder's gradients, (draws, parameters), by the path and in all, of E log q(z) − log p(x, z)."""
    encoder = [p for p in model.encoder.parameters() if p.requires_grad]
    found = []
    for by in (log_prob_by_path, lambda q, z: q.log_prob(z)):
        rows = []
        for seed in range(draws):
            torch.manual_seed(seed)
            trace = model.trace(x)
            (latent,) = trace.latents
            value = (by(latent.q, latent.z) - latent.p.log_prob(latent.z) - trace.px.log_prob(trace.x)).sum()
            rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(value, encoder)]))
        found.append(torch.stack(rows).double())
    return found


def assert_unbiased(path, other):
    error = (path.var(0) / len(path) + other.var(0) / len(other)).sqrt()
    assert ((path.mean(0) - other.mean(0)).abs() < 4.5 * error + 1e-6).all()


@pytest.mark.parametrize("spec", ["normal", "full", "planar:2", "radial:2", "iaf:2", "ball:1"])
def test_the_path_derivative_has_no_bias(spec):
    arguments = {
        "latent": 2,
        "network": "mlp:6",
        "posterior": spec,
        "prior": "ball:1" if spec == "ball:1" else "normal",
    }
    model = build("vae", (1, 2, 3), arguments).model
    path, other = path_and_total(model, torch.rand(1, 1, 2, 3).expand(300, 1, 2, 3), 12)
    assert_unbiased(path, other)


def test_it_has_none_through_leapfrog_steps_either_and_less_noise():
    model = linear(Leapfrog(2, 2))
    path, other = path_and_total(model, torch.randn(1, 1, 2, 2).expand(300, 1, 2, 2), 20)
    assert_unbiased(path, other)
    assert path.var(0).sum() < 0.5 * other.var(0).sum()


def test_at_the_true_posterior_its_gradient_is_0_at_every_draw():
    """A linear decoder of one latent dimension, whose posterior an encoder can have exactly."""
    encoder = Conditional(nn.Sequential(nn.Flatten(-3), nn.Linear(4, 2)), NormalHead(1))
    decoder = Conditional(nn.Linear(1, 4), LinearNormal((1, 2, 2)))
    nn.init.constant_(decoder.head.log_scale, math.log(0.5))
    with torch.no_grad():
        weight, bias = decoder.network.weight[:, 0], decoder.network.bias
        precision = 1 + weight.square().sum() / 0.25
        pull = weight / 0.25 / precision
        encoder.network[1].weight.copy_(torch.stack([pull, torch.zeros(4)]))
        encoder.network[1].bias.copy_(torch.stack([-pull @ bias, -precision.log()]))
    model = Autoencoder(encoder, decoder, StandardNormal(1))
    path, other = path_and_total(model, torch.randn(8, 1, 2, 2), 4)
    assert path.abs().max() < 1e-4
    assert other.abs().max() > 0.1


def test_a_rate_without_a_closed_form_takes_it_and_others_when_asked():
    x = torch.rand(5, 1, 2, 3)
    for arguments, by_path in (({"posterior": "iaf:2"}, True), ({"prior": "mixture:3"}, True), ({}, False)):
        recipe = build("vae", x.shape[1:], {"latent": 2, "network": "mlp:6"} | arguments)
        trace = recipe.model.trace(x)
        same = torch.equal(rate(recipe.model, trace), PathRate()(recipe.model, trace))
        assert same == by_path
    asked = build("vae", x.shape[1:], {"latent": 2, "network": "mlp:6", "rate_gradient": "path"})
    assert set(asked.objective.weights(0)) == {"distortion", "rate"}
    torch.manual_seed(1)
    many = asked.model.trace(x, samples=20_000)
    torch.testing.assert_close(PathRate()(asked.model, many), rate(asked.model, many), rtol=0.05, atol=0.02)


def test_its_value_is_the_log_density_with_a_gradient_or_without():
    q = posterior("planar:2", 3, n=4)
    z = q.rsample((2,))
    assert torch.equal(log_prob_by_path(q, z), q.log_prob(z))
    model = build("vae", (1, 2, 3), {"latent": 2, "network": "mlp:6"}).model
    with torch.no_grad():
        trace = model.trace(torch.rand(3, 1, 2, 3))
        torch.testing.assert_close(distortion(model, trace) + PathRate()(model, trace), importance_bound(model, trace))
