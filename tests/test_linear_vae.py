"""A linear VAE has a closed-form optimum: probabilistic PCA (Tipping & Bishop, 1999; Lucas et al., 2019)."""

import math

import torch
from scipy.stats import multivariate_normal
from torch import nn
from torch.distributions import Normal

from conftest import dataset_of
from lunette.codes import NormalHead, StandardNormal
from lunette.likelihoods import PixelHead
from lunette.models import Autoencoder, Conditional
from lunette.objectives import Objective, distortion, rate
from lunette.recipes import Recipe
from lunette.training import Training, TrainingSettings

SHAPE, LATENT, N = (1, 3, 4), 3, 2000


class LinearNormal(PixelHead):
    """N(features, σ²) with one learned σ: the decoder of probabilistic PCA."""

    def __init__(self, shape):
        super().__init__(shape)
        self.log_scale = nn.Parameter(torch.tensor(-1.0))

    def pixels(self, features):
        return Normal(features, self.log_scale.exp())


def pictures():
    """Pixels with a known covariance: three directions of unequal spread, and noise."""
    torch.manual_seed(1)
    directions = torch.linalg.qr(torch.randn(12, LATENT))[0] * torch.tensor([0.25, 0.18, 0.12])
    x = 0.5 + torch.randn(N, LATENT) @ directions.T + 0.03 * torch.randn(N, 12)
    return (x.clamp(0, 1) * 255).round().to(torch.uint8).reshape(N, *SHAPE)


def probabilistic_pca(x):
    """Return the greatest mean log evidence, in nats an image, and the principal subspace (12, LATENT)."""
    covariance = torch.cov(x.T, correction=0)
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0), vectors.flip(1)
    noise = values[LATENT:].mean()
    log_det = values[:LATENT].log().sum() + (12 - LATENT) * noise.log()
    # At the optimum tr(C⁻¹ S) is the number of pixels.
    return -0.5 * (12 * math.log(2 * math.pi) + log_det.item() + 12), vectors[:, :LATENT]


def test_a_linear_vae_reaches_probabilistic_pca():
    pixels = pictures()
    evidence, subspace = probabilistic_pca(pixels.double().flatten(1) / 255)
    torch.manual_seed(0)
    encoder = Conditional(nn.Sequential(nn.Flatten(-3), nn.Linear(12, 2 * LATENT)), NormalHead(LATENT))
    decoder = Conditional(nn.Linear(LATENT, 12), LinearNormal(SHAPE))
    model = Autoencoder(encoder, decoder, StandardNormal(LATENT))
    recipe = Recipe(model, Objective({distortion: 1, rate: 1}, samples=4))
    settings = TrainingSettings(epochs=400, batch_size=200, learning_rate=0.02, schedule="cosine", pictures=0)
    training = Training(recipe, dataset_of(pixels), settings, torch.device("cpu"))
    for _ in training.events():
        pass
    bound = -training.measure(training.train).loss
    assert abs(bound - evidence) < 0.005 * abs(evidence)
    assert bound < evidence + 0.005 * abs(evidence)
    learned = torch.linalg.qr(decoder.network.weight.detach().double())[0]
    cosines = torch.linalg.svdvals(learned.T @ subspace)
    assert cosines.min() > 0.999


def linear_model(scale, variance=1.0, shift=0.0):
    """A linear decoder, an encoder whose posterior is off by a factor and by `shift` deviations, and the exact p(x)."""
    torch.manual_seed(0)
    decoder = Conditional(nn.Linear(LATENT, 12), LinearNormal(SHAPE))
    nn.init.constant_(decoder.head.log_scale, math.log(scale))
    weight, bias = decoder.network.weight.detach(), decoder.network.bias.detach()
    precision = torch.eye(LATENT) + weight.T @ weight / scale**2
    pull = torch.linalg.solve(precision, weight.T) / scale**2
    encoder = Conditional(nn.Sequential(nn.Flatten(-3), nn.Linear(12, 2 * LATENT)), NormalHead(LATENT))
    last = encoder.network[1]
    with torch.no_grad():
        last.weight.copy_(torch.cat([pull, torch.zeros(LATENT, 12)]))
        off = shift / precision.diag().sqrt()
        last.bias.copy_(torch.cat([off - pull @ bias, torch.log(variance / precision.diag())]))
    exact = multivariate_normal(bias.numpy(), (weight @ weight.T + scale**2 * torch.eye(12)).numpy())
    return Autoencoder(encoder, decoder, StandardNormal(LATENT)), exact
