"""Adversaries: what they measure, who learns when, and that a resumed training goes on with them."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from lunette.errors import LunetteError
from lunette.images import load
from lunette.objectives import (
    Adversary,
    Balanced,
    CodeAdversary,
    DensityRatioTotalCorrelation,
    FeatureDistance,
    Objective,
    PictureCritic,
    distortion,
    rate,
)
from lunette.recipes import build
from lunette.training import EpochEnd, TrainingSettings
from lunette.training.players import PREFIX, Part, Players
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
    players.set_rate(1e-3)
    players.learn(training.recipe.model, [Part(*training._terms.traces)])
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


def test_moving_averages_learn_from_whole_steps_only():
    with pytest.raises(LunetteError, match="leave out --processes, --accumulate"):
        training_of("vq_vae", accumulate=2)


class Line(Adversary):
    """Learns w · mean(z), which needs no noise."""

    rate, betas = 0.5, (0.5, 0.9)

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, 2.0]))

    def forward(self, model, trace):  # noqa: ARG002
        return (trace.latents[0].z * self.w).sum(-1).mean(0)

    def learn(self, model, trace):  # noqa: ARG002
        return (trace.latents[0].z.detach() * self.w).sum(-1).square().mean()


def learned(parts):
    """Return what a player has after three steps on parts of the same images, and how its optimiser is set."""
    torch.manual_seed(0)
    model = build("aae", (1, 4, 4), {"latent": 2, "network": "mlp:8"}).model
    x = torch.rand(12, 1, 4, 4)
    players = Players(Objective({distortion: 1.0, Line(): 1.0}), TrainingSettings(), torch.device("cpu"))
    for step in range(1, 4):
        players.set_rate(0.1 * step)
        cut = x.split(parts)
        players.learn(model, [Part(model.trace(each), len(each) / 12) for each in cut])
    return players.parameters[0].detach(), players.optimizer.param_groups[0]


def test_a_player_has_an_optimiser_of_its_own_and_learns_the_same_from_parts():
    whole, group = learned([12])
    assert group["lr"] == pytest.approx(0.15)  # half of the model's
    assert group["betas"] == (0.5, 0.9)
    torch.testing.assert_close(learned([4, 3, 5])[0], whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("recipe", ADVERSARIAL)
def test_adversaries_learn_from_parts_of_a_batch_too(recipe):
    ends = {}
    for accumulate in (1, 3):
        training = training_of(recipe, epochs=2, accumulate=accumulate)
        ends[accumulate] = [event.metrics["train"].loss for event in training.events() if isinstance(event, EpochEnd)]
        assert training.players.parameters
    # Not the same: what a player compares with is drawn for each part. But as good.
    assert ends[3] == pytest.approx(ends[1], rel=0.1)


def test_a_balanced_weight_makes_gradients_alike():
    recipe = build("vae_gan", (1, 8, 8), {"network": "mlp:16", "balance": True, "realism": 0.7})
    last = list(recipe.model.decoder.network.parameters())[-2]
    trace = recipe.model.trace(torch.rand(6, 1, 8, 8))
    values = recipe.objective(recipe.model, trace)
    weights = recipe.objective.balanced(values, recipe.objective.weights(1.0))
    reference, own, weighted = (
        torch.autograd.grad(value, last, retain_graph=True)[0].norm()
        for value in (
            values["distortion"],
            values["picture_critic"],
            weights["picture_critic"] * values["picture_critic"],
        )
    )
    torch.testing.assert_close(weighted, 0.7 * reference * own / (own + 1e-4))
    assert weighted > 0.6 * reference
    assert weights["distortion"] == 1.0
    assert not weights["picture_critic"].requires_grad


def test_a_balance_is_with_another_term():
    with pytest.raises(LunetteError, match="which is no other term"):
        Objective({distortion: 1.0, rate: Balanced(1.0, "distortio", torch.zeros(1))})


def test_what_is_logged_of_an_epoch_waits_for_its_step_too():
    training = training_of("vae_gan", epochs=1, arguments={"start": 10_000, "network": "mlp:16"})
    (end,) = [event for event in training.events() if isinstance(event, EpochEnd)]
    assert end.metrics["train"].weights["picture_critic"] == 0
    assert end.metrics["validation"].weights["picture_critic"] == 1


def test_a_weight_may_wait_for_a_step():
    recipe = build("vae_gan", (1, 8, 8), {"network": "mlp:16", "balance": True, "start": 40})
    early, late = recipe.objective.weights(3.0, 39), recipe.objective.weights(3.0, 40)
    assert early["picture_critic"] == 0
    assert late["picture_critic"] == 1
    values = recipe.objective(recipe.model, recipe.model.trace(torch.rand(6, 1, 8, 8)))
    assert recipe.objective.balanced(values, early) == early
    assert recipe.objective.weights(3.0)["picture_critic"] == 1  # of no step, as where a model is measured
