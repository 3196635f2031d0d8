"""One suite over the registry runs on every recipe."""

import dataclasses

import pytest
import torch

from lunette.codes import StandardNormal
from lunette.errors import LunetteError
from lunette.images import DataSettings
from lunette.objectives import distortion, loss, rate
from lunette.recipes import RECIPES, arguments, build, summary
from lunette.recipes.shared import Deterministic
from lunette.training import TrainingSettings

NAMES = sorted(RECIPES)
SHAPES = [(1, 8, 8), (3, 9, 14)]


def built(name, shape=(1, 8, 8), **given):
    torch.manual_seed(0)
    return build(name, shape, given)


def test_the_registry_has_the_tutorials_systems():
    assert set(NAMES) <= set(RECIPES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_reaches_every_parameter(name, shape):
    recipe = built(name, shape)
    x = torch.rand(6, *shape)
    terms = recipe.objective(recipe.model, recipe.model.trace(x))
    loss(terms, recipe.objective.weights(99)).backward()
    for parameter_name, parameter in recipe.model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.isfinite().all(), parameter_name
            assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_traces_and_codes_have_their_shapes(name, shape):
    model = built(name, shape).model
    x = torch.rand(5, *shape)
    trace = model.trace(x, samples=3)
    latent = trace.latents[0]
    assert latent.z.shape[:2] == (3, 5)
    assert trace.px.batch_shape == (3, 5)
    assert trace.px.event_shape == shape
    assert trace.px.log_prob(trace.x).shape == (3, 5)
    codes = model.encode(x)
    assert codes[0].equal(model.encode(x)[0])
    images = model.decode(codes).mean
    assert images.shape == x.shape
    assert 0 <= images.min() <= images.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_drawing_needs_a_prior(name):
    model = built(name).model
    if model.prior is None:
        with pytest.raises(LunetteError, match="no prior"):
            model.draw(4)
    else:
        (z,) = model.draw(4)
        assert model.decode((z,)).mean.shape == (4, 1, 8, 8)
        if isinstance(model.prior, StandardNormal):
            assert model.draw(4, temperature=0.0)[0].equal(torch.zeros_like(z))


@pytest.mark.parametrize("name", NAMES)
def test_recipes_say_what_they_are(name):
    assert summary(name).endswith(").")
    assert "(" in summary(name)
    assert all(argument.help for argument in arguments(name))


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_not_settings_of_something_else(name):
    settings = {f.name for kind in (TrainingSettings, DataSettings) for f in dataclasses.fields(kind)}
    settings |= {"data", "out", "recipe", "run", "watch", "progress"}
    assert not settings & {argument.name for argument in arguments(name)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("latent", [0, -3])
def test_a_code_has_dimensions(name, latent):
    with pytest.raises(LunetteError, match=f"latent must be greater than 0, not {latent}"):
        built(name, latent=latent)


@pytest.mark.parametrize("network", ["mlp:16", "conv:4/2,6/2", "residual:4/2,8/2"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "continuous-bernoulli", "normal", "laplace:0.2", "squared-error"])
def test_networks_and_likelihoods_go_together(network, likelihood):
    recipe = built("beta_vae", (3, 9, 14), network=network, likelihood=likelihood)
    terms = recipe.objective(recipe.model, recipe.model.trace(torch.rand(4, 3, 9, 14)))
    assert loss(terms, recipe.objective.weights(1)).isfinite()


def test_the_first_tutorials_network():
    shapes = [tuple(p.shape) for p in built("vae", (1, 28, 28)).model.parameters()]
    assert shapes == [(400, 784), (400,), (40, 400), (40,), (400, 20), (400,), (784, 400), (784,)]


def test_the_third_tutorials_network():
    model = built("autoencoder", (1, 28, 28)).model
    weights = [tuple(p.shape) for p in model.parameters() if p.dim() == 2]
    assert weights == [(256, 784), (128, 256), (64, 128), (128, 64), (256, 128), (784, 256)]


def test_stacked_layers_are_the_models_own():
    recipe = built("stacked", pretraining=2)
    assert [stage.name for stage in recipe.stages] == ["layer 1", "layer 2", "layer 3"]
    own = {id(p) for p in recipe.model.parameters()}
    staged = [id(p) for stage in recipe.stages for p in stage.model.parameters()]
    assert len(staged) == len(set(staged))
    assert own - set(staged) == {id(recipe.model.decoder.head.log_scale)}
    x = torch.rand(5, 1, 8, 8)
    traces = [stage.model.trace(x) for stage in recipe.stages]
    assert traces[0].x.equal(x.flatten(1))
    torch.testing.assert_close(traces[2].latents[0].z[0], recipe.model.encode(x)[0])
    torch.testing.assert_close(traces[1].x, traces[0].latents[0].z[0])


def test_the_denoising_encoder_sees_damage_only_in_a_trace():
    model = built("denoising", noise="masking", level=1.0).model
    x = torch.rand(5, 1, 8, 8)
    trace = model.trace(x)
    assert trace.x.equal(x)
    torch.testing.assert_close(trace.latents[0].z[0], model.encode(torch.zeros_like(x))[0])


def test_a_rate_without_a_prior_fails_when_the_recipe_is_built():
    with pytest.raises(LunetteError, match="needs a prior"):
        Deterministic(latent=2).recipe((1, 4, 4), {distortion: 1, rate: 1})


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(LunetteError, match="unknown recipe 'vea'; did you mean 'vae'"):
        build("vea", (1, 8, 8))
    with pytest.raises(LunetteError, match="did you mean 'latent'"):
        build("vae", (1, 8, 8), {"latnt": 3})
    with pytest.raises(LunetteError, match="made of dense layers"):
        built("stacked", network="conv")
