"""Hamiltonian posteriors: weights against the exact evidence, and what they share with the autoencoder."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import nn

from lunette.codes import Leapfrog, NormalHead, StandardNormal
from lunette.errors import LunetteError
from lunette.images.sources.digits import digits
from lunette.likelihoods import pixel_head
from lunette.models import Autoencoder, Conditional, Hamiltonian, Metric
from lunette.networks import architecture
from lunette.objectives import Objective, Volume, distortion, importance_bound, log_weights, loss, rate
from lunette.randomness import part_of_batch
from lunette.recipes import build
from test_linear_vae import LinearNormal

D, SCALE = 2, 0.3


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def metric_of(shape, latent, centroids=7):
    network = nn.Sequential(nn.Flatten(-3), nn.Linear(math.prod(shape), latent * (latent + 1) // 2))
    return Metric(network, shape, latent, centroids, reach=1.5, floor=0.1)


def linear(steps, metric=False):
    """A linear-Gaussian model of 4 pixels, whose encoder nearly knows the true posterior, as in probabilistic PCA."""
    shape = (1, 2, 2)
    encoder = Conditional(nn.Sequential(nn.Flatten(-3), nn.Linear(4, 2 * D)), NormalHead(D))
    decoder = Conditional(nn.Linear(D, 4), LinearNormal(shape))
    nn.init.constant_(decoder.head.log_scale, math.log(SCALE))
    with torch.no_grad():
        weight, bias = decoder.network.weight, decoder.network.bias
        precision = torch.eye(D) + weight.T @ weight / SCALE**2
        pull = 0.8 * torch.linalg.solve(precision, weight.T) / SCALE**2
        encoder.network[1].weight.copy_(torch.cat([pull, torch.zeros(D, 4)]))
        encoder.network[1].bias.copy_(torch.cat([-pull @ bias, torch.log(1.2 / precision.diag())]))
    parts = Autoencoder(encoder, decoder, StandardNormal(D))
    return Hamiltonian(parts, steps, metric_of(shape, D) if metric else None)


def digits_model(steps, metric=False, latent=4):
    shape, pair, code = (1, 8, 8), architecture("mlp:32"), NormalHead(latent)
    pixels = pixel_head("bernoulli", shape)
    encoder = Conditional(pair.encoder(shape, code.features), code)
    decoder = Conditional(pair.decoder(latent, shape, pixels.features), pixels)
    parts = Autoencoder(encoder, decoder, StandardNormal(latent))
    return Hamiltonian(parts, steps, metric_of(shape, latent, 30) if metric else None)


def test_without_steps_it_is_the_variational_autoencoder():
    model = digits_model(None)
    twin = Autoencoder(model.encoder, model.decoder, model.prior)
    x = torch.rand(5, 1, 8, 8)
    torch.manual_seed(1)
    trace = model.trace(x, samples=3)
    torch.manual_seed(1)
    expected = twin.trace(x, samples=3)
    assert trace.latents[0].z.equal(expected.latents[0].z)
    for term in (distortion, rate, importance_bound):
        assert term(model, trace).equal(term(twin, expected))
    assert model.encode(x)[0].equal(twin.encode(x)[0])
    with pytest.raises(LunetteError, match="1 step or more"):
        Hamiltonian(twin, None, metric_of((1, 8, 8), 4))
    with pytest.raises(LunetteError, match="would leave a sphere"):
        build("hvae", (1, 8, 8), {"posterior": "sphere", "prior": "sphere"})
    with pytest.raises(LunetteError, match="depends on the others of the batch"):
        build("hvae", (1, 8, 8), {"likelihood": "optimal-normal"})
    with pytest.raises(LunetteError, match="needs a prior"):
        Hamiltonian(Autoencoder(model.encoder, model.decoder), Leapfrog(4, 3))


@pytest.mark.parametrize("metric", [False, True])
def test_steps_of_no_length_leave_the_bound(metric):
    """What the momentum costs and what it gives then cancel in each draw."""
    model = linear(Leapfrog(D, 3), metric)
    nn.init.constant_(model.steps.step_logit, -math.inf)
    nn.init.constant_(model.steps.heat_logit, math.inf)
    trace = model.trace(torch.rand(4, 1, 2, 2), samples=6)
    q = trace.latents[0].q
    torch.testing.assert_close(q.log_prob(trace.latents[0].z), q.start.log_prob(trace.latents[0].z))
    with pytest.raises(LunetteError, match="only at its last draws"):
        q.log_prob(torch.zeros(6, 4, D))


@pytest.mark.parametrize("tempering", ["fixed", "free"])
@pytest.mark.parametrize("metric", [False, True])
def test_weights_are_unbiased_for_the_evidence(metric, tempering):
    model = linear(Leapfrog(D, 4, tempering, step=0.1), metric)
    nn.init.constant_(model.steps.heat_logit, 3.0)
    x = torch.rand(3, 1, 2, 2)
    weight, bias = model.decoder.network.weight.detach(), model.decoder.network.bias.detach()
    covariance = weight @ weight.T + SCALE**2 * torch.eye(4)
    exact = multivariate_normal(bias.numpy(), covariance.numpy()).logpdf(x.flatten(1).numpy())
    with torch.no_grad():
        trace = model.trace(x, samples=10_000)
        ratios = (log_weights(trace).double() - torch.from_numpy(exact)).exp()
        error = ratios.std(0) / len(ratios) ** 0.5
        assert error.max() < 0.1
        assert ((ratios.mean(0) - 1).abs() < 4 * error).all()
        # And so distortion + rate is more than −log p(x), and the more samples the nearer.
        bound = distortion(model, trace) + rate(model, trace)
        torch.testing.assert_close(bound, -log_weights(trace).mean(0), rtol=1e-4, atol=1e-4)
        assert (bound.numpy() > -exact).all()


def test_steps_bring_the_bound_nearer():
    x = torch.rand(50, 1, 2, 2)
    model = linear(Leapfrog(D, 5, step=0.15))
    nn.init.ones_(model.encoder.network[1].bias)
    twin = Autoencoder(model.encoder, model.decoder, model.prior)
    bounds = [(distortion(m, t) + rate(m, t)).mean() for m in (model, twin) for t in [m.trace(x, samples=200)]]
    assert bounds[0] < bounds[1] - 0.5


def test_the_mean_is_the_draws_where_the_model_is_linear():
    model = linear(Leapfrog(D, 4, step=0.1))
    x = torch.rand(3, 1, 2, 2)
    with torch.no_grad():
        z = model.trace(x, samples=10_000).latents[0].z
    error = z.std(0) / len(z) ** 0.5
    assert ((z.mean(0) - model.encode(x)[0]).abs() < 4 * error).all()


@pytest.mark.parametrize("metric", [False, True])
@pytest.mark.parametrize("tempering", ["fixed", "free"])
def test_gradient_reaches_every_parameter(metric, tempering):
    model = digits_model(Leapfrog(4, 3, tempering), metric)
    trace = model.trace(torch.rand(6, 1, 8, 8), samples=2)
    (distortion(model, trace) + rate(model, trace)).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_the_gradient_goes_through_the_steps():
    model = linear(Leapfrog(D, 3)).double()
    x = torch.rand(4, 1, 2, 2, dtype=torch.float64)

    def bound(logit):
        torch.manual_seed(0)
        values = {"steps.step_logit": logit}
        trace = torch.func.functional_call(Traced(model), {f"model.{k}": v for k, v in values.items()}, (x,))
        return (distortion(model, trace) + rate(model, trace)).sum()

    assert torch.autograd.gradcheck(bound, model.steps.step_logit.detach().requires_grad_())


class Traced(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model.trace(x)


@pytest.mark.parametrize("metric", [False, True])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_works_where_torch_keeps_no_gradient(metric, mode):
    model = digits_model(Leapfrog(4, 3), metric)
    x = torch.rand(3, 1, 8, 8)

    def results(x):
        torch.manual_seed(1)
        return [importance_bound(model, model.trace(x, samples=2)), model.encode(x)[0], model.draw(3)[0]]

    expected = results(x)
    assert expected[0].requires_grad
    with mode():
        for value, known in zip(results(x.clone()), expected, strict=True):
            assert not value.requires_grad
            torch.testing.assert_close(value, known.detach())


def test_an_image_meets_the_same_noise_in_each_part_of_a_batch():
    model, x = digits_model(Leapfrog(4, 2), metric=True), torch.rand(6, 1, 8, 8)
    torch.manual_seed(3)
    whole = importance_bound(model, model.trace(x, samples=2))
    torch.manual_seed(3)
    with part_of_batch(4, 6):
        torch.testing.assert_close(importance_bound(model, model.trace(x[4:], samples=2)), whole[4:])


def test_the_model_s_metric_is_made_of_pictures():
    model = digits_model(Leapfrog(4, 3), metric=True)
    metric = model.metric
    geometry = metric(model.encoder)
    x = metric.pictures / 255
    torch.testing.assert_close(geometry.centroids.float(), model.encoder(x).mean)
    features = metric.network(x)[3]
    factor, features = torch.diag(2 * features[:4].sigmoid()), features.tanh()
    factor[1, 0], factor[2, :2], factor[3, :3] = features[4], features[5:7], features[7:]
    torch.testing.assert_close(geometry.products[3].view(4, 4).float(), factor @ factor.T)


def test_pictures_are_replaced_in_order_and_bounded():
    model = linear(Leapfrog(D, 1), metric=True)  # of 7
    first = model.metric.pictures.clone()
    images = (torch.arange(40).view(40, 1, 1, 1) / 255).expand(40, 1, 2, 2)

    def shown():
        return model.metric.pictures[:, 0, 0, 0].tolist()

    trace = model.trace(images[1:6])
    Volume().update(model, trace)
    assert shown() == [1, 2, 3, 4, 5, *first[5:, 0, 0, 0].tolist()]
    model.metric.renew(images[6:10])
    assert shown() == [8, 9, 3, 4, 5, 6, 7]
    model.metric.renew(images[10:40])
    assert sorted(shown()) == list(range(10, 17))
    assert {"metric.pictures", "metric.place"} <= set(model.state_dict())
    value = Volume()(model, trace)
    torch.testing.assert_close(value, trace.latents[0].q.geometry.log_volume(trace.latents[0].z).mean(0))


@pytest.mark.parametrize("metric", [False, True])
def test_training_on_digits_lets_the_loss_fall(metric):
    x = digits().pixels[:250].float() / 255
    model = digits_model(Leapfrog(4, 2, step=0.01 if metric else 0.05), metric)
    terms = {distortion: 1, rate: 1}
    objective = Objective({**terms, Volume(): 0} if metric else terms)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for i in range(100):
        trace = model.trace(x[i % 5 :: 5])
        value = loss(objective(model, trace), objective.weights(1))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if metric:
            Volume().update(model, trace)
        losses.append(value.item())
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 5
    (z,) = model.draw(40)
    assert z.isfinite().all()
    assert z.dtype == torch.float32
    if metric:
        with pytest.raises(LunetteError, match="which has no mean"):
            model.draw(4, temperature=0.0)
    else:
        assert model.draw(4, temperature=0.0)[0].equal(torch.zeros(4, 4))
