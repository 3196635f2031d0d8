"""Posteriors and priors of codes against quadrature, autograd, torch's own distributions and statistical tests."""

import math
import subprocess
import sys

import pytest
import scipy.stats
import torch
from torch import nn
from torch.distributions import (
    Categorical,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

from lunette.codes import POSTERIORS, PRIORS, CodeHead, NormalHead, Prior, StandardNormal, code_head, make_prior
from lunette.codes import tempered as temper
from lunette.codes.flows.planar import Planar
from lunette.codes.mixture import Mixture
from lunette.codes.normal import diagonal_normal
from lunette.errors import LunetteError
from lunette.likelihoods import pixel_head
from lunette.models import Autoencoder, Conditional
from lunette.networks import architecture
from lunette.objectives import distortion, importance_bound, rate
from lunette.randomness import part_of_batch, reseed

SHAPE = (1, 4, 4)
HEADS = ["normal", "full", "planar:3", "radial:3", "iaf:2"]
FLOWS = HEADS[2:]
FREE = ["normal", "mixture:3", "vamp:4", "flow:2"]  # priors of models without labels


@pytest.fixture(autouse=True)
def _start():
    torch.manual_seed(0)


def posterior(spec, latent=2, n=1, spread=1.0):
    """Return a posterior of n images in float64, from random features."""
    head = code_head(spec, latent).double()
    return head(spread * torch.randn(n, head.features, dtype=torch.float64))


def encoder_of(head):
    return Conditional(architecture("mlp:8").encoder(SHAPE, head.features), head)


def model_of(posterior_spec, prior_spec, latent=2):
    """Return a model of 4×4 black-and-white pictures."""
    head, pixels = code_head(posterior_spec, latent), pixel_head("bernoulli", SHAPE)
    decoder = Conditional(architecture("mlp:8").decoder(latent, SHAPE, pixels.features), pixels)
    encoder = encoder_of(head)
    return Autoencoder(encoder, decoder, make_prior(prior_spec, latent, encoder, SHAPE))


def prior_of(spec, latent=2, posterior_spec="normal"):
    """Return a prior in float64 whose parameters are not those of its start."""
    encoder = encoder_of(code_head(posterior_spec, latent)).double()
    prior = make_prior(spec, latent, encoder, SHAPE, labels=3 if spec == "label" else 0).double()
    for parameter in prior.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return prior(torch.tensor([2])) if spec == "label" else prior()


def integral(p, latent, edge=10.0):
    """Return ∫ p over a box, by sums of equal cells: exact for what is smooth and dies out within it."""
    axis = torch.linspace(-edge, edge, 8001 if latent == 1 else 201, dtype=torch.float64)
    cells = torch.cartesian_prod(*[axis] * latent).reshape(-1, 1, latent)
    with torch.no_grad():
        return (p.log_prob(cells).exp().sum() * (axis[1] - axis[0]) ** latent).item()


@pytest.mark.parametrize("spec", HEADS)
@pytest.mark.parametrize("latent", [1, 2])
def test_posteriors_integrate_to_1(spec, latent):
    assert integral(posterior(spec, latent, spread=0.5), latent) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("spec", [*FREE, "label"])
@pytest.mark.parametrize("latent", [1, 2])
def test_priors_integrate_to_1(spec, latent):
    assert integral(prior_of(spec, latent), latent) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("spec", HEADS)
def test_a_vamp_prior_takes_any_posterior(spec):
    assert integral(prior_of("vamp:2", 1, spec), 1) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("latent", [1, 5])
def test_the_full_normal_is_torchs_and_its_rate_is_closed(latent):
    q = posterior("full", latent, n=4)
    p = Independent(Normal(torch.randn(latent).double(), torch.rand(latent).double() + 0.5), 1)
    reference = MultivariateNormal(q.mean, q.scale_tril @ q.scale_tril.mT)
    assert (q.scale_tril.diagonal(dim1=-2, dim2=-1) > 0).all()
    z = torch.randn(3, 4, latent).double()
    torch.testing.assert_close(q.log_prob(z), reference.log_prob(z))
    diagonal = MultivariateNormal(p.mean, torch.diag(p.variance))
    torch.testing.assert_close(kl_divergence(q, p), kl_divergence(reference, diagonal))
    with pytest.raises(NotImplementedError):
        kl_divergence(q, Independent(Laplace(p.mean, p.stddev), 1))


def test_a_full_normal_without_covariances_is_the_diagonal_one():
    mean, log_std = torch.randn(2, 6, 3).double()
    q = code_head("full", 3)(torch.cat([mean, log_std, torch.zeros(6, 3)], -1))
    same = NormalHead(3)(torch.cat([mean, 2 * log_std], -1))
    p = StandardNormal(3).double()()
    torch.testing.assert_close(kl_divergence(q, p), kl_divergence(same, p))


def test_features_below_the_diagonal_go_row_by_row():
    q = code_head("full", 3)(torch.tensor([0.0, 0, 0, 0, 0, 0, 1, 2, 3]))
    assert q.scale_tril.tolist() == [[1, 0, 0], [1, 1, 0], [2, 3, 1]]


@pytest.mark.parametrize("spec", FLOWS)
@pytest.mark.parametrize("latent", [1, 4])
def test_steps_have_inverses_and_log_determinants(spec, latent):
    for step in posterior(spec, latent, n=5, spread=2.0).steps:
        z = 2 * torch.randn(5, latent, dtype=torch.float64)
        moved, log_det = step.forward(z)
        torch.testing.assert_close(step.inverse(moved), z)
        jacobian = torch.autograd.functional.jacobian(lambda z, step=step: step.forward(z)[0].sum(0), z)
        torch.testing.assert_close(jacobian.transpose(0, 1).logdet(), log_det)


@pytest.mark.parametrize("spec", FLOWS)
def test_inverses_have_the_gradient_of_the_inverse(spec):
    head = code_head(spec, 3).double()
    features = torch.randn(2, head.features, dtype=torch.float64, requires_grad=True)
    z = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z, features: head(features).log_prob(z), (z, features), fast_mode=True)


@pytest.mark.parametrize("spec", ["planar:1", "radial:1"])
def test_features_of_0_are_a_step_that_does_nothing(spec):
    head = code_head(spec, 3)
    z = torch.randn(5, 3)
    features = torch.zeros(5, head.features, requires_grad=True)
    moved, log_det = head(features).steps[0].forward(z)
    torch.testing.assert_close(moved, z)
    torch.testing.assert_close(log_det, torch.zeros(5), atol=1e-6, rtol=0)
    (moved.sum() + log_det.sum()).backward()
    assert features.grad.isfinite().all()


def test_a_planar_step_keeps_u_along_the_plane_and_turns_no_space_inside_out():
    u, w = torch.tensor([[3.0, -4.0]]).double(), torch.tensor([[-4.0, 3.0]]).double()  # uᵀw = −24
    step = Planar(u, w, torch.zeros(1).double())
    assert -1 < (step.u * w).sum() < 0
    across = torch.tensor([3.0, 4.0]).double()
    torch.testing.assert_close((step.u * across).sum(), (u * across).sum())


@pytest.mark.parametrize("spec", FLOWS)
def test_own_samples_are_not_inverted_and_have_the_density_of_any_point(spec, monkeypatch):
    q = posterior(spec, 4, n=6)
    z = q.rsample((3,))
    again = q.log_prob(z.clone())
    assert again.shape == (3, 6)
    for step in q.steps:
        monkeypatch.setattr(step, "inverse", None, raising=False)
    torch.testing.assert_close(q.log_prob(z), again)


def test_a_sample_without_gradient_does_not_hide_that_of_its_density():
    head = code_head("planar:2", 2)
    features = torch.randn(3, head.features, requires_grad=True)
    q = head(features)
    q.log_prob(q.sample()).sum().backward()
    assert features.grad.any()


@pytest.mark.parametrize("spec", HEADS)
def test_samples_of_posteriors_have_their_density(spec):
    check_samples(posterior(spec, 1, spread=0.7))


@pytest.mark.parametrize("spec", [*FREE, "label"])
def test_samples_of_priors_have_their_density(spec):
    check_samples(prior_of(spec, 1))


def check_samples(p):
    """Compare draws of one number with the integral of its density (Kolmogorov and Smirnov)."""
    axis = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    with torch.no_grad():
        draws = p.sample((4000,)).flatten()
        cdf = (p.log_prob(axis.reshape(-1, 1, 1)).exp().flatten() * (axis[1] - axis[0])).cumsum(0)
    at = cdf[torch.searchsorted(axis, draws)]
    assert scipy.stats.kstest(at.numpy(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("spec", HEADS)
def test_the_mean_of_an_affine_posterior_is_that_of_its_samples_and_every_one_is_fixed(spec):
    head = code_head(spec, 3)
    features = torch.randn(2, head.features)
    mean = head(features).mean
    assert mean.equal(head(features).mean)
    if spec not in FLOWS:
        torch.testing.assert_close(mean, head(features).sample((40_000,)).mean(0), atol=0.1, rtol=0)


@pytest.mark.parametrize("spec", HEADS)
def test_an_image_meets_the_same_noise_in_any_part_of_its_batch(spec):
    head = code_head(spec, 3)
    features = torch.randn(5, head.features)
    reseed(0, "test")
    whole = head(features).rsample((2,))
    reseed(0, "test")
    with part_of_batch(2, 5):
        part = head(features[2:4]).rsample((2,))
    torch.testing.assert_close(part, whole[:, 2:4])


@pytest.mark.parametrize("spec", [*HEADS, "sphere", "ball:1"])
def test_features_of_bfloat16_have_a_density_of_float32(spec):
    head = code_head(spec, 3)
    features = torch.randn(4, head.features).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        q = head(features)
        z = q.rsample((2,))
        assert z.dtype == q.log_prob(z).dtype == torch.float32
        torch.testing.assert_close(q.log_prob(z), q.log_prob(z.clone()), atol=0.1 if spec == "iaf:2" else 1e-3, rtol=0)


def test_the_splines_of_a_flow_prior_are_of_float32():
    torch.manual_seed(0)
    prior, z = make_prior("flow:2", 6, torch.nn.Identity(), SHAPE), torch.randn(2000, 6)
    with torch.no_grad():
        exact = prior().log_prob(z)
        with torch.autocast("cpu", torch.bfloat16):
            log = prior().log_prob(z)
    assert float((log - exact).abs().mean()) < 0.02


@pytest.mark.parametrize("spec", HEADS)
@pytest.mark.parametrize("prior", FREE)
def test_the_bound_with_many_samples_is_below_the_negative_elbo(spec, prior):
    model = model_of(spec, prior)
    x = torch.rand(6, *SHAPE).round()
    with torch.no_grad():
        trace = model.trace(x, samples=500)
        bound = importance_bound(model, trace)
        elbo = distortion(model, trace) + rate(model, trace)
        mean = model.encode(x)[0]
    assert bound.isfinite().all()
    # The bound of these draws is below the mean of their log-weights always; the closed-form rate is not of the draws.
    error = trace.px.log_prob(x).std(0) / math.sqrt(500)
    assert (bound <= elbo + 5 * error + 1e-4).all()
    assert mean.equal(model.encode(x)[0])
    assert model.decode(model.draw(7)).mean.shape == (7, *SHAPE)


@pytest.mark.parametrize("spec", HEADS)
@pytest.mark.parametrize("prior", FREE)
def test_gradient_reaches_every_parameter(spec, prior):
    model = model_of(spec, prior)
    trace = model.trace(torch.rand(6, *SHAPE), samples=2)
    (distortion(model, trace) + rate(model, trace)).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_a_monte_carlo_rate_nears_the_closed_one():
    q, p = posterior("full", 3, n=4, spread=0.5), StandardNormal(3).double()()
    z = q.sample((40_000,))
    ratios = q.log_prob(z) - p.log_prob(z)
    assert ((ratios.mean(0) - kl_divergence(q, p)).abs() < 5 * ratios.std(0) / 200).all()


def test_a_mixture_begins_as_spread_as_the_standard_normal():
    z = make_prior("mixture:400", 3, nn.Identity(), SHAPE)().sample((20_000,))
    torch.testing.assert_close(z.T.cov(), torch.eye(3), atol=0.15, rtol=0)


def test_the_vamp_prior_is_the_mean_of_posteriors_and_leaves_the_encoder_to_the_model():
    model = model_of("full", "vamp:3")
    z = torch.randn(5, 2)
    each = [model.encoder(u.sigmoid()[None]).log_prob(z).exp() for u in model.prior.logits]
    torch.testing.assert_close(model.prior().log_prob(z).exp(), torch.stack(each).mean(0))
    assert [name for name, _ in model.prior.named_parameters()] == ["logits"]
    assert len({name.split(".")[-1] for name in model.prior.state_dict()}) == 1
    pictures = model.prior.logits.sigmoid()
    assert (torch.pdist(pictures.flatten(1)) > 0.5).all()
    model.double()  # it reads the encoder as it is, not a copy
    assert model.prior().log_prob(z.double()).dtype == torch.float64


def test_the_prior_by_label_is_a_normal_for_each():
    prior = make_prior("label", 2, nn.Identity(), SHAPE, labels=4)
    prior.mean.data = torch.arange(8.0).reshape(4, 2)
    prior.log_std.data[3] = math.log(2)
    p = prior(torch.tensor([3, 0]))
    assert p.mean.tolist() == [[6, 7], [0, 1]]
    assert p.stddev.tolist() == [[2, 2], [1, 1]]
    with pytest.raises(LunetteError, match="none was given"):
        prior()
    with pytest.raises(LunetteError, match="given labels"):
        make_prior("label", 2, nn.Identity(), SHAPE)
    with pytest.raises(LunetteError, match="use the prior label"):
        make_prior("vamp:3", 2, nn.Identity(), SHAPE, labels=4)


@pytest.mark.parametrize("prior", FREE[1:])
def test_temperature_is_for_normal_priors(prior):
    model = model_of("normal", prior)
    with pytest.raises(LunetteError, match="leave temperature at 1"):
        model.draw(3, temperature=0.5)
    p = make_prior("label", 2, nn.Identity(), SHAPE, labels=2)(torch.tensor([0, 1, 1]))
    z = torch.randn(3, 2)
    torch.testing.assert_close(temper(p, z, 0.5), z / 2)


def test_draws_for_labels_from_a_prior_without_are_one_a_label():
    model = model_of("normal", "mixture:2")
    assert model.draw(5, y=torch.arange(5))[0].shape == (5, 2)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("plannar:3", "unknown posterior 'plannar'; did you mean 'planar'"),
        ("planar", "posterior planar needs a whole number of 1 or more, like planar:8, not 'planar'"),
        ("radial:", "needs a whole number"),
        ("iaf:0", "needs a whole number"),
        ("iaf:1.5", "needs a whole number"),
        ("iaf:-2", "needs a whole number"),
        ("full:3", "posterior full takes no number: write 'full', not 'full:3'"),
        ("normal:", "takes no number"),
    ],
)
def test_wrong_posteriors_are_refused(spec, words):
    with pytest.raises(LunetteError, match=words):
        code_head(spec, 2)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("vampp:3", "unknown prior 'vampp'; did you mean 'vamp'"),
        ("mixture", "prior mixture needs a whole number of 1 or more, like mixture:8, not 'mixture'"),
        ("flow:0", "needs a whole number"),
        ("vamp:many", "needs a whole number"),
        ("normal:3", "takes no number"),
    ],
)
def test_wrong_priors_are_refused(spec, words):
    with pytest.raises(LunetteError, match=words):
        make_prior(spec, 2, nn.Identity(), SHAPE)


@pytest.mark.parametrize("latent", [0, -1])
@pytest.mark.parametrize("spec", [*HEADS, *FREE[1:]])
def test_codes_have_dimensions(spec, latent):
    with pytest.raises(LunetteError, match="latent must be greater than 0"):
        code_head(spec, latent) if spec in HEADS else make_prior(spec, latent, nn.Identity(), SHAPE)


def test_what_is_registered_says_where_its_codes_lie():
    assert all(issubclass(head, CodeHead) and head.space for head in POSTERIORS.values())
    assert all(issubclass(prior, Prior) and prior.space for prior in PRIORS.values())


def test_flows_are_imported_only_where_one_is_built():
    script = (
        "import sys; from lunette.codes import code_head, make_prior\n"
        "code_head('planar:2', 2); make_prior('mixture:2', 2, None, (1, 4, 4)); print('zuko' in sys.modules)\n"
        "code_head('iaf:2', 2); print('zuko' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["False", "True"]


@pytest.mark.parametrize("spread", [1.0, 0.05])
def test_a_mixtures_density_by_products_is_torchs(spread):
    torch.manual_seed(0)
    mean, std = torch.randn(40, 50), spread * (torch.rand(40, 50) + 0.5)
    logits = torch.randn(40)
    mixture = Mixture(logits, lambda k: diagonal_normal(mean[k], std[k]))
    z = (mean[:5] + std[:5] * torch.randn(3, 5, 50)).requires_grad_()
    parts = Independent(Normal(mean.double(), std.double()), 1)
    truth = MixtureSameFamily(Categorical(logits=logits.double()), parts).log_prob(z.double())
    torch.testing.assert_close(mixture.log_prob(z).double(), truth, rtol=1e-6, atol=1e-4)
    (slope,) = torch.autograd.grad(mixture.log_prob(z).sum(), z)
    (expected,) = torch.autograd.grad(truth.sum(), z)
    torch.testing.assert_close(slope, expected, rtol=1e-4, atol=1e-4)
