"""Adversaries: what they measure, who learns when, and that a resumed training goes on with them."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from lunette.errors import LunetteError
from lunette.images import load
from lunette.objectives import CodeAdversary, DensityRatioTotalCorrelation, FeatureDistance, PictureCritic
from lunette.recipes import build
from lunette.training import EpochEnd
from lunette.training.players import PREFIX
from test_rates import random_trace, trace_of
from test_training import training_of

ADVERSARIAL = ["aae", "factor_vae", "vae_gan"]


class Quadratic(nn.Module):
    """A critic that can be exact where codes are normal: the logarithm of a ratio of normals is quadratic."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Linear(3, 1)

    def forward(self, z):
        return self.weights(torch.stack([z[..., 0] * z[..., 1], z[..., 0] ** 2, z[..., 1] ** 2], dim=-1))


def test_the_best_critic_knows_the_total_correlation():
    torch.manual_seed(0)
    ρ = 0.8
    means = torch.randn(20_000, 2) @ torch.linalg.cholesky(torch.tensor([[1.0, ρ], [ρ, 1.0]])).T
    trace = trace_of(means, torch.full_like(means, 1e-3))
    critic = DensityRatioTotalCorrelation(2)
    critic.network = Quadratic()
    optimizer = torch.optim.Adam(critic.parameters(), 0.03)
    for _ in range(300):
        optimizer.zero_grad()
        critic.learn(None, trace).backward()
        optimizer.step()
    found = critic(None, trace).mean().detach()
    assert found == pytest.approx(-0.5 * math.log(1 - ρ**2), abs=0.03)


def test_an_adversary_of_codes_pays_by_cross_entropy():
    torch.manual_seed(0)
    trace = random_trace(n=6, d=3, samples=2)
    critic = CodeAdversary(3)
    z = trace.latents[0].z
    expected = binary_cross_entropy_with_logits(critic.logit(z), torch.ones(2, 6), reduction="none").mean(0)
    torch.testing.assert_close(critic(None, trace), expected)
    torch.manual_seed(1)
    own = critic.learn(None, trace)
    torch.manual_seed(1)
    draws = trace.latents[0].p.sample((12,))
    logits = critic.logit(torch.cat([draws, z.flatten(0, 1)]))
    torch.testing.assert_close(own, binary_cross_entropy_with_logits(logits, torch.arange(24).lt(12).float()))
    own.backward()
    assert critic.network[0].weight.grad.any()


def test_a_critic_of_pictures_teaches_the_decoder_alone():
    recipe = build("vae_gan", (1, 8, 8))
    critic = next(player for player in recipe.objective.players)
    assert isinstance(critic, PictureCritic)
    trace = recipe.model.trace(torch.rand(4, 1, 8, 8))
    critic(recipe.model, trace).sum().backward()
    assert all(p.grad is None for p in recipe.model.encoder.parameters())
    assert all(p.grad.any() for p in recipe.model.decoder.parameters())
    features = [critic.body(x) for x in (trace.x, trace.px.mean[0])]
    expected = (features[0] - features[1]).square().sum(-1) / 2
    torch.testing.assert_close(FeatureDistance(critic)(recipe.model, trace), expected)


@pytest.mark.parametrize("recipe", ADVERSARIAL)
def test_model_and_players_learn_in_turns(recipe):
    training = training_of(recipe, epochs=1)
    players = training.players
    before = copy.deepcopy([p.detach() for p in players.parameters])
    weights = {name: p.detach().clone() for name, p in training.recipe.model.named_parameters()}
    x = load("digits").train.pixels[:32] / 255
    for value in training.terms(x).values():
        if value.requires_grad:
            value.backward(retain_graph=True)
    assert all(p.grad is None for p in players.parameters)  # they stand still while the model learns
    for p in training.recipe.model.parameters():
        p.grad = None
    players.learn(training.recipe.model, training._terms.trace, 1e-3)
    assert any(not now.equal(old) for now, old in zip(players.parameters, before, strict=True))
    assert all(p.grad is None for p in training.recipe.model.parameters())
    assert all(p.equal(weights[name]) for name, p in training.recipe.model.named_parameters())


@pytest.mark.parametrize("recipe", ADVERSARIAL)
def test_training_goes_on_with_its_players_bit_for_bit(recipe):
    whole = training_of(recipe, epochs=2)
    for event in whole.events():
        if isinstance(event, EpochEnd) and event.epoch == 1:
            model = {name: value.clone() for name, value in whole.model_state().items()}
            rest = {name: value.clone() for name, value in whole.optimizer_state().items()}
            position = copy.deepcopy(whole.position)
    assert any(name.startswith(PREFIX) for name in rest)
    again = training_of(recipe, epochs=2, seed=0)
    again.load_model(model)
    again.restore(position, rest)
    for _ in again.events():
        pass
    for one, other in ((whole.model_state(), again.model_state()), (whole.optimizer_state(), again.optimizer_state())):
        assert one.keys() == other.keys()
        assert all(value.equal(other[name]) for name, value in one.items())


def test_players_learn_from_whole_steps_only():
    with pytest.raises(LunetteError, match="leave out --processes, --accumulate"):
        training_of("aae", accumulate=2)
