"""Bounds by several draws: their limits, and the gradients that tell them apart."""

import copy

import pytest
import torch

from lunette.errors import LunetteError
from lunette.objectives import (
    MultipleBound,
    PartialBound,
    distortion,
    doubly_reparameterized_bound,
    importance_bound,
    log_weights,
    loss,
    rate,
)
from lunette.recipes import build

SHAPE = (1, 2, 3)


def model_and_images(scale=3.0):
    torch.manual_seed(0)
    model = build("vae", SHAPE, {"latent": 2, "network": "mlp:8"}).model
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)  # so that posteriors differ from the prior
    return model, torch.rand(4, *SHAPE)


def traced(model, x, samples, seed=1):
    torch.manual_seed(seed)
    return model.trace(x, samples=samples)


def gradients(model, value):
    model.zero_grad()
    value.sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_one_draw_is_the_evidence_bound():
    model, x = model_and_images()
    trace = traced(model, x, 1)
    latent = trace.latents[0]
    expected = distortion(model, trace) + (latent.q.log_prob(latent.z) - latent.p.log_prob(latent.z)).mean(0)
    torch.testing.assert_close(importance_bound(model, trace), expected)


def test_the_bound_is_tighter_the_more_draws_there_are():
    model, x = model_and_images()
    with torch.no_grad():
        means = [importance_bound(model, traced(model, x.repeat(3000, 1, 1, 1), K)).mean() for K in (1, 4, 16)]
    assert means[0] > means[1] + 0.01 > means[2] + 0.02


def test_bounds_in_groups_are_their_parents_at_the_limits():
    model, x = model_and_images()
    trace = traced(model, x, 6)
    torch.testing.assert_close(MultipleBound(1)(model, trace), importance_bound(model, trace))
    torch.testing.assert_close(MultipleBound(6)(model, trace), -log_weights(trace).mean(0))
    torch.testing.assert_close(PartialBound(1)(model, trace), importance_bound(model, trace))


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_the_partial_bound_has_the_gradients_of_its_two_halves(groups):
    model, x = model_and_images()
    found = gradients(model, PartialBound(groups)(model, traced(model, x, 6)))
    of_decoder = gradients(model, importance_bound(model, traced(model, x, 6)))
    of_encoder = gradients(model, MultipleBound(groups)(model, traced(model, x, 6)))
    for name, value in found.items():
        expected = of_encoder if name.startswith("encoder") else of_decoder
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)
    different = max((of_encoder[n] - of_decoder[n]).abs().max() for n in found if n.startswith("encoder"))
    assert (different > 1e-2) == (groups > 1)


def test_a_mixture_of_bounds_is_its_parents_at_the_limits():
    torch.manual_seed(0)
    x = torch.rand(4, *SHAPE)
    for mix, parents in ((1.0, (distortion, rate)), (0.0, (importance_bound,))):
        recipe = build("ciwae", SHAPE, {"mix": mix, "samples": 5, "latent": 2})
        trace = traced(recipe.model, x, 5)
        total = loss(recipe.objective(recipe.model, trace), recipe.objective.weights(0))
        torch.testing.assert_close(total, sum(term(recipe.model, trace).mean() for term in parents))


def test_the_doubly_reparameterized_gradient_is_unbiased_and_has_less_noise():
    model, x = model_and_images(1.0)  # whose posteriors are nearly right, where the noise falls most
    x, copies, K = x[:1], 4000, 8
    found = {}
    for bound in (importance_bound, doubly_reparameterized_bound):
        encoder = model.encoder.network[-1]
        values = []
        for seed in range(20):
            grads = gradients(model, bound(model, traced(model, x.expand(copies, *SHAPE), K, seed)) / copies)
            values.append(torch.cat([grads["encoder.network.3.weight"].flatten(), grads["decoder.network.2.bias"]]))
        found[bound] = torch.stack(values)
        assert encoder.weight.shape == grads["encoder.network.3.weight"].shape
    plain, double = found.values()
    error = (plain.var(0) / 20 + double.var(0) / 20).sqrt()
    assert ((plain.mean(0) - double.mean(0)).abs() < 4.5 * error + 1e-6).all()
    of_encoder = slice(0, model.encoder.network[-1].weight.numel())
    assert double.var(0)[of_encoder].sum() < 0.5 * plain.var(0)[of_encoder].sum()
    torch.testing.assert_close(
        doubly_reparameterized_bound(model, traced(model, x, K)), importance_bound(model, traced(model, x, K))
    )


@pytest.mark.parametrize("posterior", ["normal", "full", "planar:2", "iaf:2", "sphere", "ball:1"])
def test_the_doubly_reparameterized_gradient_of_one_draw_goes_through_the_code_alone(posterior):
    torch.manual_seed(0)
    prior = posterior if posterior in ("sphere", "ball:1") else "normal"
    model = build("vae", SHAPE, {"latent": 2, "posterior": posterior, "prior": prior, "network": "mlp:8"}).model
    x = torch.rand(4, *SHAPE)
    found = gradients(model, doubly_reparameterized_bound(model, traced(model, x, 1)))
    trace = traced(model, x, 1)
    (latent,) = trace.latents
    # What log q says of the code, without what it says of its own parameters.
    frozen = copy.deepcopy(model.encoder).requires_grad_(False)
    z = latent.z.detach().requires_grad_()
    slope = torch.autograd.grad(
        (frozen(trace.x).log_prob(z) - latent.p.log_prob(z) - model.decode((z,)).log_prob(trace.x)).sum(), z
    )[0]
    for name, value in gradients(model, (slope * latent.z).sum()).items():
        if name.startswith("encoder"):
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4)


def test_draws_that_cannot_be_shared_are_refused():
    with pytest.raises(LunetteError, match="choose a divisor"):
        build("miwae", SHAPE, {"samples": 5, "groups": 2})
    with pytest.raises(LunetteError, match="1 draw of each code or more, not 0"):
        build("iwae", SHAPE, {"samples": 0})
    with pytest.raises(LunetteError, match="share from 0 to 1"):
        build("ciwae", SHAPE, {"mix": 1.5})
