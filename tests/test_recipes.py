"""One suite over the registry runs on every recipe."""

import dataclasses
import itertools
import math
from pathlib import Path

import pytest
import torch

import lunette.recipes
from lunette.codes import StandardNormal
from lunette.errors import LunetteError
from lunette.images import DataSettings, load
from lunette.objectives import distortion, loss, rate
from lunette.randomness import reseed
from lunette.recipes import RECIPES, arguments, build, describe, summary
from lunette.recipes.shared import Deterministic
from lunette.training import Step, Training, TrainingSettings

NAMES = sorted(RECIPES)
SHAPES = [(1, 8, 8), (3, 9, 14)]
FOLDER = Path(lunette.recipes.__file__).parent
NO_RECIPES = {"__init__", "description", "registry", "shared"}

# The names that are promised.
PROMISED = [
    "autoencoder",
    "beta_vae",
    "conv_vae",
    "denoising",
    "gaussian_vae",
    "sparse",
    "stacked",
    "vae",
    "annealed_vae",
    "capacity_vae",
    "free_bits_vae",
    "iwae",
    "miwae",
    "ciwae",
    "piwae",
    "beta_tc",
    "factor_vae",
    "dip_vae",
    "wae",
    "info_vae",
    "aae",
    "rae",
    "mixture_vae",
    "vamp",
    "flow_prior_vae",
    "full_covariance_vae",
    "planar_vae",
    "iaf_vae",
    "svae",
    "poincare_vae",
    "hvae",
    "rhvae",
    "vq_vae",
    "residual_vq_vae",
    "gumbel_vae",
    "ladder",
    "cvae",
    "ssim_vae",
    "vae_gan",
    "sigma_vae",
]


def built(name, shape=(1, 8, 8), **given):
    torch.manual_seed(0)
    return build(name, shape, given, labels=10)


def labels_for(model, n):
    return torch.arange(n) % model.labels if model.labels else None


def test_the_registry_has_the_promised_recipes():
    assert set(PROMISED) <= set(RECIPES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_reaches_every_parameter(name, shape):
    recipe = built(name, shape)
    x = torch.rand(6, *shape)
    later = {p for stage in recipe.after for p in stage.model.parameters()}
    for model, objective in ((recipe.model, recipe.objective), *((s.model, s.objective) for s in recipe.after)):
        trace = model.trace(x, labels_for(model, 6), samples=objective.samples)
        loss(objective(model, trace), objective.weights(99)).backward()
        for parameter_name, parameter in model.named_parameters():
            if parameter.requires_grad and (model is not recipe.model or parameter not in later):
                assert parameter.grad is not None, parameter_name
                assert parameter.grad.isfinite().all(), parameter_name
                assert parameter.grad.any(), parameter_name
        for player in objective.players:
            gradients = torch.autograd.grad(player.learn(model, trace), list(player.parameters()))
            assert all(gradient.any() for gradient in gradients)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_traces_and_codes_have_their_shapes(name, shape):
    model = built(name, shape).model.eval()
    x, y = torch.rand(5, *shape), labels_for(model, 5)
    trace = model.trace(x, y, samples=3)
    for latent in trace.latents:
        assert latent.z.shape[:2] == (3, 5)
    assert trace.px.batch_shape == (3, 5)
    assert trace.px.event_shape == shape
    assert trace.px.log_prob(trace.x).shape == (3, 5)
    codes = model.encode(x, y)
    assert len(codes) == len(trace.latents)
    assert all(one.equal(other) for one, other in zip(codes, model.encode(x, y), strict=True))
    images = model.decode(codes, y).mean
    assert images.shape == x.shape
    assert 0 <= images.min() <= images.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_drawing_needs_a_prior(name):
    model = built(name).model.eval()
    if model.prior is None:
        with pytest.raises(LunetteError, match="no prior"):
            model.draw(4)
        return
    codes = model.draw(4, labels_for(model, 4))
    images = model.decode(codes, labels_for(model, 4)).mean
    assert images.shape == (4, 1, 8, 8)
    assert 0 <= images.min() <= images.max() <= 1
    if isinstance(model.prior, StandardNormal) and name != "rhvae":  # which draws from its metric
        assert model.draw(4, labels_for(model, 4), temperature=0.0)[0].equal(torch.zeros_like(codes[0]))


@pytest.mark.parametrize("name", NAMES)
def test_two_hundred_steps_make_it_better(name, tmp_path):
    data = load("digits")
    reseed(0, "weights")
    recipe = build(name, data.train.shape, {}, labels=10)
    # A stage's epochs are few, so that each stage has some of the steps.
    training = Training(recipe, data, TrainingSettings(epochs=18, pictures=0), torch.device("cpu"))
    assert training.batches * 18 >= 200
    before = training.measure(data.validation)
    steps = 0
    for event in training.events():
        steps += isinstance(event, Step) and not event.stage
    after = training.measure(data.validation)
    assert steps == training.batches * 18
    if recipe.objective.players:  # what an adversary costs rises while it learns
        assert after.terms["distortion"] < before.terms["distortion"]
    else:
        assert after.loss < before.loss
    assert all(math.isfinite(value) for value in after.terms.values())
    # What was learned is all in the tensors that are saved.
    state = {key: value.clone() for key, value in training.model_state().items()}
    again = build(name, data.train.shape, {}, labels=10).model
    again.to(memory_format=torch.channels_last).load_state_dict(state)  # as training holds it
    x = data.test.pixels[:4] / 255
    for one, other in zip(again.eval().encode(x, labels_for(again, 4)), encoded(recipe.model, x), strict=True):
        assert one.equal(other)


def encoded(model, x):
    return model.eval().encode(x, labels_for(model, len(x)))


@pytest.mark.parametrize("name", NAMES)
def test_recipes_say_what_they_are(name):
    assert summary(name).endswith(").")
    assert "(" in summary(name)
    assert all(argument.help for argument in arguments(name))


@pytest.mark.parametrize("name", NAMES)
def test_recipes_say_what_they_can_do(name):
    made = built(name)
    can = describe(made)
    for field in dataclasses.fields(can):
        ability = getattr(can, field.name)
        assert str(ability) == ("yes" if ability else f"no: {ability.why_not}")
        assert bool(ability) != bool(ability.why_not)
    assert bool(can.sampling) == (made.model.prior is not None)
    assert can.density or not can.compression


def test_abilities_depend_on_the_likelihood():
    assert str(describe(built("vae")).density).startswith("no: its likelihood is no density of grey pixels")
    assert describe(built("vae", binarize="dynamic")).compression
    assert describe(built("vae", likelihood="normal")).density
    plain = describe(built("vae", likelihood="normal"))
    assert plain.compression.why_not.startswith("its likelihood is of pixels without")
    assert describe(built("vae", likelihood="discretized-logistic")).compression
    moved = describe(built("hvae", likelihood="discretized-logistic"))
    assert moved.density
    assert moved.compression.why_not.startswith("its posterior has a density only at its own draws")
    for name in ("aae", "autoencoder", "vq_vae", "ssim_vae", "vae_gan"):
        assert not describe(built(name)).density, name


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_not_settings_of_something_else(name):
    settings = {f.name for kind in (TrainingSettings, DataSettings) for f in dataclasses.fields(kind)}
    settings |= {"data", "out", "recipe", "run", "progress", "labels"}
    names = [argument.name for argument in arguments(name)]
    assert not settings & set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("latent", [0, -3])
def test_a_code_has_dimensions(name, latent):
    if any(argument.name == "latent" and isinstance(argument.default, int) for argument in arguments(name)):
        with pytest.raises(LunetteError, match=f"latent must be greater than 0, not {latent}"):
            built(name, latent=latent)


def test_a_recipe_is_a_small_file():
    files = {path.stem: path.read_text().splitlines() for path in FOLDER.rglob("*.py") if path.stem not in NO_RECIPES}
    rows = {name for name, build in RECIPES.items() if build.__code__ is RECIPES["vae"].__code__}
    assert set(files) | rows == set(NAMES)
    assert len(files["vae"]) < 10 * len(rows) < 10 * 13
    assert max(len(lines) for name, lines in files.items() if name != "vae") < 60
    blocks = {}
    for name, lines in files.items():
        # The imports say what a recipe is made of; the rest stands once.
        own = [line for line in lines if line.strip() and not line.startswith(("from ", "import "))]
        for block in {tuple(own[i : i + 6]) for i in range(len(own) - 5)}:
            blocks.setdefault(block, []).append(name)
    assert [names for names in blocks.values() if len(names) > 1] == []


POSTERIORS = ["normal", "full", "planar:2", "radial:2", "iaf:1", "sphere", "ball:1"]
PRIORS = ["normal", "mixture:3", "vamp:3", "flow:1", "sphere", "ball:1"]


@pytest.mark.parametrize(("posterior", "prior"), list(itertools.product(POSTERIORS, PRIORS)))
def test_posteriors_and_priors_go_together_or_are_refused(posterior, prior):
    if prior == "vamp:3" and posterior in ("planar:2", "radial:2", "iaf:1"):
        with pytest.raises(LunetteError, match="would have to be inverted for each"):
            built("vae", latent=3, posterior=posterior, prior=prior)
    elif posterior == prior or not {posterior, prior} & {"sphere", "ball:1"}:
        recipe = built("vae", latent=3, posterior=posterior, prior=prior)
        terms = recipe.objective(recipe.model, recipe.model.trace(torch.rand(4, 1, 8, 8)))
        assert loss(terms, recipe.objective.weights(1)).isfinite()
    else:
        with pytest.raises(LunetteError, match="choose both of one"):
            built("vae", latent=3, posterior=posterior, prior=prior)


def test_terms_that_a_posterior_does_not_allow_are_refused():
    for name in ("factor_vae", "dip_vae"):
        with pytest.raises(LunetteError, match="each dimension of a code by itself, and these codes lie in a sphere"):
            built(name, posterior="sphere", prior="sphere")
    with pytest.raises(LunetteError, match="each dimension of the code by itself"):
        built("beta_tc", posterior="full")
    with pytest.raises(LunetteError, match="each dimension of the code by itself: use --prior normal"):
        built("free_bits_vae", prior="mixture:3")


def test_labels_are_needed_where_they_are_told():
    with pytest.raises(LunetteError, match="these have no labels"):
        build("cvae", (1, 8, 8))
    with pytest.raises(LunetteError, match="models that are given labels"):
        built("vae", prior="label")
    torch.manual_seed(0)
    model = built("cvae", prior="label").model
    x = torch.rand(4, 1, 8, 8)
    zeros = torch.zeros(4, dtype=torch.int64)
    assert not model.decode(model.encode(x, zeros), zeros).mean.equal(
        model.decode(model.encode(x, zeros), zeros + 1).mean
    )


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
    assert own - set(staged) <= {id(recipe.model.decoder.head.log_scale)}
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
