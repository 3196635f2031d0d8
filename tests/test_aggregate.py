"""Measures of the codes of all pictures together, against closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm, wasserstein_distance
from torch import nn
from torch.distributions import Independent, Normal

from lunette.codes import NormalHead, StandardNormal
from lunette.errors import LunetteError
from lunette.images import Images
from lunette.likelihoods import BernoulliHead
from lunette.measures.aggregate import distances, index_information, variances
from lunette.models import Autoencoder, Conditional, Latent
from lunette.recipes import build
from lunette.uses.evaluate.codes import Bars, coded, collapse, from_prior, information

SHAPE = (1, 4, 4)


def channel(snr, n=4000, latent=2):
    """The codes q(z | x) = N(x, s²) of pictures whose pixels are standard normal, so that z = x + noise."""
    x = torch.randn(n, latent, generator=torch.Generator().manual_seed(0))
    q = Normal(x, torch.full_like(x, snr**-0.5))
    torch.manual_seed(1)
    return q.sample(), q


@pytest.mark.parametrize("snr", [0.5, 3.0])
def test_mutual_information_of_a_normal_channel(snr):
    z, q = channel(snr)
    exact = 2 * 0.5 * math.log(1 + snr)
    found = information(z, q, torch.zeros(len(z)), conditional=False)["mutual information"]
    assert abs(found.value - exact) < 3 * found.error + 0.01
    assert found.error < 0.03
    small, few = channel(1e6, n=50)
    assert index_information(small, few).mean().item() == pytest.approx(math.log(50), abs=1e-3)  # its ceiling


def test_the_rate_less_the_information_is_the_divergence_of_the_aggregate():
    snr = 3.0
    z, q = channel(snr)
    rate = torch.distributions.kl_divergence(q, Normal(0.0, 1.0)).sum(-1)
    found = information(z, q, rate, conditional=False)["aggregate divergence"]
    variance = 1 + 1 / snr  # of q(z), a normal
    exact = 2 * 0.5 * (variance - 1 - math.log(variance))
    assert abs(found.value - exact) < 3 * found.error + 0.01
    assert set(information(z, q, rate, conditional=True)) == {"mutual information"}


def test_rates_of_dimensions_and_of_categories():
    mean, std = torch.randn(5, 3), torch.rand(5, 3) + 0.1
    q, p = Independent(Normal(mean, std), 1), StandardNormal(3)()
    exact = (mean**2 + std**2 - 1) / 2 - std.log()
    assert torch.allclose(Latent(mean[None], q, p).kl_by_part, exact, atol=1e-5)
    model = build("gumbel_vae", SHAPE, {"network": "mlp:4", "latent": 3, "positions": 2}).model.eval()
    (latent,) = model.trace(torch.rand(5, *SHAPE)).latents
    each = latent.kl_by_part
    assert each.shape == (5, 2)
    assert torch.allclose(each.sum(-1), torch.distributions.kl_divergence(latent.q, latent.p), atol=1e-5)
    for given in ({"posterior": "full"}, {"prior": "mixture:2"}):
        (latent,) = build("vae", SHAPE, {"network": "mlp:4"} | given).model.eval().trace(torch.rand(5, *SHAPE)).latents
        with pytest.raises(LunetteError, match="each dimension"):
            latent.kl_by_part  # noqa: B018


def test_units_that_tell_nothing_are_inactive_and_named():
    linear = nn.Linear(16, 6)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.zero_()
        linear.weight[0, 0] = 2.0  # the first mean is 2 x₀, all else is the prior
    encoder = Conditional(nn.Sequential(nn.Flatten(-3), linear), NormalHead(3))
    model = Autoencoder(encoder, Conditional(nn.Linear(3, 16), BernoulliHead(SHAPE)), StandardNormal(3)).eval()
    pixels = (torch.rand(800, *SHAPE, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)
    found = coded(model, Images(pixels), None, 0)
    means = 2 * pixels[:, 0, 0, 0].double() / 255
    assert variances(found.means)[0].item() == pytest.approx(means.var(correction=0).item(), rel=1e-5)
    assert (variances(found.means) > 0.01).tolist() == [True, False, False]
    each = found.rates.mean(0)
    assert each.tolist() == pytest.approx([means.square().mean().item() / 2, 0, 0], abs=1e-5)
    assert collapse(each) == ["posterior collapse: 2 of 3 dimensions carry < 0.01 nats"]
    assert collapse(each[1:])[0].endswith("pictures are drawn without regard to their codes")
    assert collapse(each[:1]) == []
    assert Bars(each.numpy()).picture().size == (768, 384)
    numbers, distance = from_prior(model, found.z, None, SHAPE, 0)
    # The first dimension is N(1, 1) smeared by a uniform; the others are the prior.
    assert distance[0] == pytest.approx(1, abs=0.15)
    assert distance[1:].max() < 0.15
    assert numbers["MMD"].value > 20 * abs(numbers["MMD"].floor)
    assert numbers["distance to prior"].value > 3 * numbers["distance to prior"].floor


def test_distances_are_wasserstein():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(200, 3)).astype(np.float32), rng.normal(1, 2, size=(200, 3)).astype(np.float32)
    exact = [wasserstein_distance(a[:, j], b[:, j]) for j in range(3)]
    assert distances(a, b).tolist() == pytest.approx(exact, rel=1e-5)
    grid = norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]
    assert distances(grid + 0.7, grid) == pytest.approx(0.7)


@pytest.mark.parametrize("name", ["aae", "rhvae", "vq_vae", "svae", "iaf_vae", "gumbel_vae", "cvae"])
def test_codes_of_other_recipes_are_measured_or_noted(name):
    given = {"network": "residual:4/2" if name == "vq_vae" else "mlp:8", "latent": 2}
    model = build(name, SHAPE, given, labels=3).model.eval()
    y = torch.arange(30) % 3 if model.labels else None
    found = coded(model, Images(torch.randint(256, (30, *SHAPE)).to(torch.uint8)), y, 0)
    assert (found.rate is None) == (name in ("aae", "vq_vae"))
    assert (found.rates is not None) == (name in ("gumbel_vae", "cvae"))
    assert (found.q is not None) == (name == "cvae")
    numbers, distance = from_prior(model, found.z, y, SHAPE, 0)
    assert np.isfinite(distance).all()
    assert math.isfinite(numbers["MMD"].value)
