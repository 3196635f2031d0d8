"""Discrete codes: codebooks against k-means, relaxed categories against exact ones, the prior over indices."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from torch.distributions import Independent, Normal, OneHotCategorical, kl_divergence

from conftest import ending, interrupt_at, rows
from lunette.codes import (
    Categories,
    CategoryHead,
    Codebooks,
    Dirac,
    Quantised,
    QuantisedHead,
    SequencePrior,
    Sequences,
    TokenHead,
    UniformCategories,
)
from lunette.errors import LunetteError
from lunette.images import DataSettings, load
from lunette.likelihoods import pixel_head
from lunette.models import Indices, Latent, Trace
from lunette.networks import Causal, architecture
from lunette.objectives import CodeUsage, Objective, codebook, commitment, distortion, log_weights, loss, name_of, rate
from lunette.progress import watched
from lunette.recipes import Recipe, Stage, build
from lunette.recipes.shared import autoencoder
from lunette.training import End, EpochEnd, Step, Training, TrainingSettings
from lunette.uses.draw.manifold import manifold
from lunette.uses.draw.sample import sample
from lunette.uses.evidence import evidence
from lunette.uses.train import resume, train, train_model

NAMES = ["vq_vae", "residual_vq_vae", "gumbel_vae"]
NETWORKS = ["mlp:16", "conv:4/2,6/2", "residual:4/2,8/2", "conv:4/2,6/2:12"]
SHAPES = [(1, 8, 8), (3, 9, 14)]
QUICK = {"network": "mlp:32", "epochs": 2, "batch_size": 256, "pictures": 1, "prior_epochs": 2, "entries": 16}


def books(entries, learned=True):
    """Codebooks with given entries (L, K, d)."""
    made = Codebooks(*entries.shape[1:], len(entries), learned)
    with torch.no_grad():
        made.entries.copy_(entries)
    return made


def trace_of(q):
    px = Independent(Normal(torch.zeros(1, *q.batch_shape, 1, 2, 2), 1.0), 3)
    return Trace(torch.zeros(*q.batch_shape, 1, 2, 2), (Latent(q.rsample((1,)), q, None),), px)


def update(term, q):
    with torch.no_grad():
        term.update(None, trace_of(q))


def test_the_nearest_entries_are_those_of_brute_force():
    torch.manual_seed(0)
    entries, x = torch.randn(3, 11, 4), torch.randn(6, 5, 4)
    found = books(entries).nearest(x)
    for n, p in itertools.product(range(6), range(5)):
        left = x[n, p]
        for level in range(3):
            best = min(range(11), key=lambda k: float((left - entries[level, k]).norm()))
            assert found[n, p, level] == best
            left = left - entries[level, best]


def test_the_code_is_the_sum_of_entries_and_its_gradient_the_identity():
    torch.manual_seed(0)
    head = QuantisedHead(5, Codebooks(7, 3, levels=2))
    features = torch.randn(4, 15, requires_grad=True)
    q = head(features)
    assert q.mean.equal(q.chosen.sum(-2).flatten(-2))
    weights = torch.randn(4, 15)
    (gradient,) = torch.autograd.grad((q.rsample((1,)) * weights).sum(), features)
    assert gradient.equal(weights)
    with pytest.raises(LunetteError, match="have no density"):
        q.log_prob(q.mean)


def test_codebook_and_commitment_are_their_formulas():
    torch.manual_seed(0)
    features = torch.randn(4, 5, 3, requires_grad=True)
    q = Quantised(features, Codebooks(7, 3))
    x, e = features.detach(), q.chosen.detach()[:, :, 0]
    expected = ((x - e) ** 2).sum((1, 2))
    trace = trace_of(q)
    torch.testing.assert_close(codebook(None, trace), expected)
    torch.testing.assert_close(commitment(None, trace), expected)
    inputs = [features, q.books.entries]
    to_x, to_e = torch.autograd.grad(codebook(None, trace).sum(), inputs, allow_unused=True)
    assert to_x is None
    pulls = torch.zeros(7, 3).index_add_(0, q.indices.flatten(), 2 * (e - x).flatten(0, 1))
    torch.testing.assert_close(to_e[0], pulls)
    to_x, to_e = torch.autograd.grad(commitment(None, trace).sum(), inputs, allow_unused=True)
    torch.testing.assert_close(to_x, 2 * (x - e))
    assert to_e is None


def test_each_level_is_drawn_to_what_those_before_it_left():
    torch.manual_seed(0)
    entries = torch.randn(2, 6, 3, requires_grad=True)
    features = torch.randn(4, 5, 3, requires_grad=True)
    q = Quantised(features, books(entries))
    x, e = features.detach(), q.chosen.detach()
    parts = [x - e[..., 0, :], x - e.sum(-2)]
    trace = trace_of(q)
    torch.testing.assert_close(commitment(None, trace), sum((p**2).sum((1, 2)) for p in parts))
    (gradient,) = torch.autograd.grad(commitment(None, trace).sum(), features)
    torch.testing.assert_close(gradient, 2 * sum(parts))
    (gradient,) = torch.autograd.grad(codebook(None, trace).sum(), q.books.entries)
    pulls = torch.zeros(6, 3).index_add_(0, q.indices[..., 0].flatten(), -2 * parts[0].flatten(0, 1))
    torch.testing.assert_close(gradient[0], pulls)  # the second level's loss says nothing to the first


def blobs():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(5, 3)) * 4
    return np.float32(centres.repeat(60, 0) + rng.normal(size=(300, 3)))


def test_a_moving_average_without_memory_is_a_step_of_k_means():
    x = blobs()
    first = x[::60] + np.float32(0.5)
    labels = ((x[:, None] - first) ** 2).sum(-1).argmin(1)
    q = Quantised(torch.from_numpy(x).view(100, 3, 3), books(torch.from_numpy(first)[None], learned=False))
    update(CodeUsage(moves=True, decay=0.0), q)
    expected = np.stack([x[labels == k].mean(0) for k in range(5)])
    np.testing.assert_allclose(q.books.entries[0].detach().numpy(), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(q.books.usage[0].numpy(), np.bincount(labels) / 300, rtol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.7])
def test_a_moving_average_on_a_fixed_batch_ends_at_k_means_centres(decay):
    x = blobs()
    first = x[::60] + np.float32(0.5)
    table = books(torch.from_numpy(first)[None], learned=False)
    for _ in range(60):
        update(CodeUsage(moves=True, decay=decay), Quantised(torch.from_numpy(x).view(100, 3, 3), table))
    centres = KMeans(5, init=first, n_init=1, tol=0).fit(x).cluster_centers_
    np.testing.assert_allclose(table.entries[0].detach().numpy(), centres, rtol=1e-4, atol=1e-4)


def test_a_moving_average_is_that_of_all_steps():
    torch.manual_seed(0)
    table, steps, γ = books(torch.tensor([[[-1.0], [1.0]]]), learned=False), [], 0.8
    for _ in range(4):
        x = torch.cat([-1 + 0.2 * torch.randn(6, 1, 1), 1 + 0.2 * torch.randn(9, 1, 1)])
        steps.append(x.flatten())
        update(CodeUsage(moves=True, decay=γ), Quantised(x, table))
    for k, sign in enumerate((-1, 1)):
        own = [x[x * sign > 0] for x in steps]
        top = sum(γ ** (3 - t) * x.sum() for t, x in enumerate(own))
        bottom = sum(γ ** (3 - t) * len(x) for t, x in enumerate(own))
        torch.testing.assert_close(table.entries[0, k, 0].detach(), top / bottom)


@pytest.mark.parametrize("moves", [False, True])
def test_dead_codes_start_again_from_the_batch(moves):
    torch.manual_seed(0)
    x = torch.randn(50, 2, 3)
    far = torch.cat([torch.zeros(1, 1, 3), torch.full((1, 3, 3), 100.0)], 1)
    table = books(far, learned=not moves)
    table.usage.fill_(1 / 4)
    term = CodeUsage(moves=moves, decay=0.9)
    steps = 0
    while (table.entries == 100).any():
        update(term, Quantised(x, table))
        steps += 1
    assert steps == math.ceil(math.log(0.1) / math.log(0.9))  # until a tenth of an even share is left
    vectors = {tuple(v.tolist()) for v in x.flatten(0, 1)}
    assert all(tuple(e.tolist()) in vectors for e in table.entries[0, 1:])
    assert len(set(map(tuple, table.entries[0].tolist()))) == 4
    assert table.usage[0, 1:].allclose(torch.tensor(1 / 4))
    if not moves:
        assert not table.entries[0, 0].any()


def test_a_new_codebook_begins_as_vectors_of_the_batch():
    torch.manual_seed(0)
    x, table = 5 + torch.randn(40, 4, 2), Codebooks(32, 2)
    update(CodeUsage(), Quantised(x, table))
    q = Quantised(x, table)
    assert codebook(None, trace_of(q)).mean() < 1
    assert len(q.indices.unique()) > 25
    levels = Codebooks(32, 2, levels=2)
    for _ in range(2):  # the second level begins as what the first one leaves once it stands
        update(CodeUsage(), Quantised(x, levels))
    q = Quantised(x, levels)
    assert (q.left - q.chosen)[..., 1, :].square().sum() < 0.3 * q.left[..., 1, :].square().sum()
    assert levels.entries[1].abs().max() < 2


def test_usage_of_all_and_of_one():
    entries = torch.arange(8.0).view(1, 8, 1)
    usage = CodeUsage()
    assert usage(None, trace_of(Quantised(torch.arange(8.0).view(4, 2, 1), books(entries)))).item() == pytest.approx(1)
    assert usage(None, trace_of(Quantised(torch.full((4, 2, 1), 3.0), books(entries)))).item() == pytest.approx(1 / 8)
    two = torch.tensor([0.0, 5.0]).repeat(4).view(4, 2, 1)
    assert usage(None, trace_of(Quantised(two, books(entries)))).item() == pytest.approx(2 / 8)


def test_residual_quantisation_of_one_level_is_plain_and_more_levels_leave_less():
    torch.manual_seed(0)
    one, plain = (build(name, (1, 8, 8), given) for name, given in [("residual_vq_vae", {"levels": 1}), ("vq_vae", {})])
    one.model.load_state_dict(plain.model.state_dict())
    x = torch.rand(5, 1, 8, 8)
    for a, b in zip(one.objective(one.model, one.model.trace(x)).values(),
                    plain.objective(plain.model, plain.model.trace(x)).values(), strict=True):  # fmt: skip
        assert a.equal(b)
    vectors, errors = torch.randn(200, 2, 3), []
    table = Codebooks(8, 3, levels=4, learned=False)
    for _ in range(20):
        update(CodeUsage(moves=True, decay=0.5), Quantised(vectors, table))
    left = Quantised(vectors, table).left
    final = left[..., -1, :] - Quantised(vectors, table).chosen[..., -1, :]
    errors = [float(part.square().sum()) for part in (*left.unbind(-2), final)]
    assert all(after < 0.8 * before for before, after in itertools.pairwise(errors))


def test_the_rate_of_categories_is_the_sum():
    torch.manual_seed(0)
    logits = torch.randn(5, 3, 4)
    q, p = CategoryHead(3, 4, 0.5)(logits.flatten(1)), UniformCategories(3, 4)()
    exact = kl_divergence(OneHotCategorical(logits=logits), OneHotCategorical(logits=torch.zeros(3, 4))).sum(-1)
    torch.testing.assert_close(kl_divergence(q, p), exact)
    probabilities = logits.softmax(-1)
    torch.testing.assert_close(kl_divergence(q, p), (probabilities * (4 * probabilities).log()).sum((1, 2)))


def test_relaxed_samples_have_the_categories_frequencies():
    torch.manual_seed(0)
    logits, n = torch.tensor([[[0.0, 1.0, -1.0], [2.0, 0.0, 0.0]]]), 40_000
    probabilities = logits.softmax(-1).flatten(1)
    for temperature in (1e-3, None):
        z = Categories(logits, temperature).rsample((n,))
        error = (probabilities * (1 - probabilities) / n).sqrt()
        assert ((z.mean(0) - probabilities).abs() < 4.5 * error + 1e-4).all()
        assert z.unflatten(-1, (2, 3)).sum(-1).allclose(torch.ones(()))
        together = z[:, 0, 1] * z[:, 0, 3]  # positions are independent
        assert together.mean() == pytest.approx(float(probabilities[0, 1] * probabilities[0, 3]), abs=0.011)
    # At any temperature the largest of a relaxed sample is a draw from the categories.
    largest = Categories(logits, 5.0).rsample((n,))[:, 0, :3].argmax(-1).bincount(minlength=3) / n
    assert ((largest - probabilities[0, :3]).abs() < 4.5 * error[0, :3]).all()


def test_categories_are_exact_once_trained():
    torch.manual_seed(0)
    model = build("gumbel_vae", (1, 8, 8), {"network": "mlp:16", "latent": 3, "positions": 2}).model
    x = torch.rand(4, 1, 8, 8)
    relaxed = model.trace(x).latents[0].z
    assert ((relaxed > 0) & (relaxed < 1)).all()
    model.eval()
    assert set(model.trace(x).latents[0].z.unique().tolist()) == {0.0, 1.0}
    # All codes are few: the importance bound of many samples is log p(x).
    every = torch.tensor(list(itertools.product(range(3), repeat=2)))
    codes = torch.nn.functional.one_hot(every, 3).flatten(1).float()
    logs = model.decode((codes[:, None],)).log_prob(x)
    exact = logs.logsumexp(0) - math.log(9)
    bound = log_weights(model.trace(x, samples=4000)).logsumexp(0) - math.log(4000)
    torch.testing.assert_close(bound, exact, rtol=0, atol=0.05)
    assert (distortion(None, trace := model.trace(x, samples=500)) + rate(None, trace) > -exact - 0.05).all()


def grid_prior(positions=3, entries=3, levels=1):
    torch.manual_seed(0)
    prior = SequencePrior(QuantisedHead(positions, Codebooks(entries, 2, levels)))
    for parameter in prior.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return prior.eval()


def test_the_prior_looks_only_back():
    prior, length = grid_prior(4, 5, levels=2), 8
    k = torch.randint(5, (6, length - 1))
    with torch.no_grad():
        before = prior.network(k)
        for t in range(length - 1):
            other = k.clone()
            other[:, t] = (other[:, t] + 1) % 5
            after = prior.network(other)
            torch.testing.assert_close(after[:, : t + 1], before[:, : t + 1])
            assert (after[:, t + 1] != before[:, t + 1]).any()
        torch.testing.assert_close(prior.network(k[:, :3]), before[:, :4])


def test_the_prior_sums_to_one_and_its_samples_are_its_own():
    prior = grid_prior()
    every = torch.tensor(list(itertools.product(range(3), repeat=3)))
    p = prior().indices.log_prob(every).exp().detach()
    assert p.sum().item() == pytest.approx(1, abs=1e-5)
    assert prior().indices.log_prob(every.view(9, 3, 3)).shape == (9, 3)
    n = 20_000
    k = prior().indices.sample((n,))
    shares = (k @ torch.tensor([9, 3, 1])).bincount(minlength=27) / n
    assert ((shares - p).abs() < 4.5 * (p * (1 - p) / n).sqrt() + 1e-4).all()
    codes = prior().sample((5, 2))
    assert codes.shape == (5, 2, 6)
    entries = {tuple(e) for e in prior().head.books.entries[0].tolist()}
    assert {tuple(v) for v in codes.view(-1, 2).tolist()} <= entries


def test_temperature_divides_the_logits():
    prior, n = grid_prior(1, 6), 20_000
    logits = prior.network(torch.empty(1, 0, dtype=torch.int64))[0, 0].detach()
    for temperature in (0.5, 2.0):
        k = Sequences(prior.network, temperature).sample((n,))[:, 0]
        p = (logits / temperature).softmax(0)
        assert ((k.bincount(minlength=6) / n - p).abs() < 4.5 * (p * (1 - p) / n).sqrt()).all()
    assert (Sequences(prior.network, 0.0).sample((50,)) == logits.argmax()).all()


def test_the_prior_learns_a_markov_source():
    torch.manual_seed(0)
    length, n = 5, 4000
    moves = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    k = torch.randint(3, (n, 1))
    logs = torch.full((n,), -math.log(3))
    for _ in range(1, length):
        k = torch.cat([k, torch.multinomial(moves[k[:, -1]], 1)], 1)
        logs += moves[k[:, -2], k[:, -1]].log()
    p = Sequences(Causal(length, 3))
    optimizer = torch.optim.Adam(p.network.parameters(), 3e-3)
    for step in range(80):
        optimizer.zero_grad()
        (-p.log_prob(k[torch.arange(64) + 64 * (step % 50)]).mean()).backward()
        optimizer.step()
    with torch.no_grad():
        excess = (logs - p.log_prob(k))[-400:]  # over the source's own −log p of unseen sequences
    assert -3 * excess.std() / 20 < excess.mean() < 0.12
    assert -logs.mean() < length * math.log(3) - 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_codes_of_all_networks(name, network, shape):
    torch.manual_seed(0)
    model = build(name, shape, {"network": network, "latent": 4, "positions": 3}).model
    size = 4 * (
        math.prod(-(-side // 4) for side in shape[1:]) if network.count(":") == 1 and "mlp" not in network else 3
    )
    x = torch.rand(5, *shape)
    trace = model.trace(x)
    assert trace.latents[0].z.shape == (1, 5, size)
    assert trace.px.log_prob(x).shape == (1, 5)
    (code,) = model.eval().encode(x)
    assert code.equal(model.encode(x)[0])
    (z,) = model.draw(3)
    images = model.decode((z,)).mean
    assert z.shape == (3, size)
    assert images.shape == (3, *shape)
    assert 0 <= images.min() <= images.max() <= 1


def test_the_positions_of_a_map_are_its_pixels():
    networks, positions = architecture("conv:4/2,6/2").placed((1, 16, 8), 99)
    assert positions == 4 * 2
    torch.manual_seed(0)
    encoder, decoder = networks.encoder((1, 16, 8), 8 * 3), networks.decoder(8 * 3, (1, 16, 8), 128)
    assert not any(isinstance(part, torch.nn.Linear) for net in (encoder, decoder) for part in net.modules())
    x = torch.rand(1, 1, 16, 8, requires_grad=True)
    # The last row's codes see the lower pixels alone, and a change of one code is seen around it alone.
    (seen,) = torch.autograd.grad(encoder(x).view(8, 3)[7].sum(), x)
    assert not seen[0, 0, :8].any()
    assert seen[0, 0, 15, 7] != 0
    z = torch.zeros(2, 24)
    z[1, 21:] = 1
    a, b = decoder(z).view(2, 16, 8)
    assert a[:8].equal(b[:8])
    assert a[15, 7] != b[15, 7]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("codebook", ["gradient", "moving-average"])
@pytest.mark.parametrize("network", ["mlp:16", "conv:4/2,6/2"])
def test_gradient_reaches_every_parameter(name, codebook, network):
    torch.manual_seed(0)
    given = {} if name == "gumbel_vae" else {"codebook": codebook, "entries": 4}
    recipe = build(name, (1, 8, 8), given | {"network": network})
    x = torch.rand(16, 1, 8, 8)
    for term in recipe.objective.updating:
        with torch.no_grad():
            term.update(recipe.model, recipe.model.trace(x))
    loss(recipe.objective(recipe.model, recipe.model.trace(x)), recipe.objective.weights(9)).backward()
    later = {p for stage in recipe.after for p in stage.model.parameters()}
    for parameter_name, parameter in recipe.model.named_parameters():
        if parameter.requires_grad and parameter not in later:
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.isfinite().all(), parameter_name
            assert parameter.grad.any(), parameter_name
    for stage in recipe.after:
        loss(stage.objective(stage.model, stage.model.trace(x)), stage.objective.weights(9)).backward()
    for parameter in later:
        assert parameter.grad.isfinite().all()
        assert parameter.grad.any()


@pytest.mark.parametrize("given", [{"codebook": "gradient"}, {"network": "conv:8/2,16/2"}])
def test_a_codebook_comes_into_use(given):
    torch.manual_seed(0)
    quick = {"network": "mlp:64", "prior_epochs": 0, "entries": 32}
    recipe, data = build("vq_vae", (1, 8, 8), quick | given), load("digits", DataSettings())
    training = Training(recipe, data, TrainingSettings(epochs=18, device="cpu"), torch.device("cpu"))
    losses = [e.metrics["validation"].loss for e in training.events() if isinstance(e, EpochEnd)]
    assert training.position.step >= 200
    assert losses[-1] < 0.85 * losses[0]
    assert 0.3 < training.measure(data.test).terms["code_usage"] <= 1
    assert recipe.model.prior is None
    with pytest.raises(LunetteError, match="no prior"):
        recipe.model.draw(2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    seen = []
    with watched(seen.append):
        run = train("vq_vae", out=tmp_path_factory.mktemp("run") / "whole", **QUICK)
    return SimpleNamespace(run=run, events=seen)


def test_a_run_trains_its_prior_last(finished):
    lines = rows(finished.run)
    assert [(row["split"], row.get("stage")) for row in lines] == (
        [("train", None), ("validation", None)] * 2
        + [("train", "prior"), ("validation", "prior")] * 2
        + [("test", None)]
    )
    prior, test = lines[-2], lines[-1]
    assert 0 < prior["distortion"] < lines[4]["distortion"]
    assert prior["distortion"] < 16 * math.log(16)
    assert set(prior["weights"]) == {"distortion"}
    assert test["epoch"] == 2
    assert test["weights"] == {"distortion": 1.0, "codebook": 0.0, "commitment": 0.25, "code_usage": 0.0}
    assert test["loss"] == pytest.approx(test["distortion"] + 0.25 * test["commitment"])
    steps = [event.stage for event in finished.events if isinstance(event, Step)]
    assert steps == [""] * 12 + ["prior"] * 12
    assert isinstance(finished.events[-1], End)


def test_a_prior_leaves_the_rest_as_it_was(finished, tmp_path):
    alone = train("vq_vae", out=tmp_path / "alone", **(QUICK | {"prior_epochs": 0}))
    state, other = (run.checkpoints.load().model for run in (finished.run, alone))
    assert set(state) - set(other) == {name for name in state if name.startswith("prior.")}
    # Initial weights of the prior are drawn after the codebooks and networks: the rest is the same to the bit.
    assert all(value.equal(state[name]) for name, value in other.items())
    assert rows(alone)[:4] == rows(finished.run)[:4]


def test_drawing_waits_for_the_prior(finished):
    names = {path.name for path in finished.run.pictures.iterdir()}
    assert "samples-0001.png" not in names
    assert {"samples-0002.png", "reconstructions-0001.png", "curves.png", "manifold.png", "latents.png"} <= names
    page = (finished.run.path / "report.html").read_text()
    assert "Samples" in page
    assert "code usage" in page
    assert sample(finished.run, 5).arrays()["images"].shape == (5, 1, 8, 8)
    typical = sample(finished.run, 3, temperature=0.0).arrays()["images"]
    np.testing.assert_allclose(typical[0], typical[1], atol=1e-6)
    assert manifold(finished.run, 2).arrays()["images"].shape == (4, 1, 8, 8)
    with pytest.raises(LunetteError, match="have no density"):
        evidence(finished.run, samples=1)


@pytest.mark.parametrize("step", [6, 12, 15])
def test_a_run_stopped_in_any_phase_goes_on_to_the_same_bits(finished, tmp_path, step):
    with pytest.raises(Exception, match=f"after step {step}; go on with"), watched(interrupt_at(step)):
        train("vq_vae", out=tmp_path / "run", **QUICK)
    if step < 15:
        with pytest.raises(LunetteError, match="cannot draw yet"):
            sample(tmp_path / "run", 2)
    resumed = resume(tmp_path / "run")
    assert ending(resumed) == ending(finished.run)


def test_a_prior_is_of_the_model_as_it_was(finished):
    with pytest.raises(LunetteError, match="train its prior on the model as it is"):
        resume(finished.run.path, epochs=5)
    assert finished.run.is_finished


def test_what_cannot_be():
    latent = "latent must be greater than 0, not -3"
    mistakes = [
        ({"entries": 0}, "entries must"),
        ({"latent": -3}, latent),
        ({"positions": 0, "network": "mlp"}, "positions"),
    ]
    for given, reason in mistakes:
        with pytest.raises(LunetteError, match=reason):
            build("vq_vae", (1, 8, 8), given)
    with pytest.raises(LunetteError, match="temperature must be"):
        build("gumbel_vae", (1, 8, 8), {"temperature": 0.0})
    model = build("vae", (1, 8, 8)).model
    with pytest.raises(LunetteError, match="for quantised codes"):
        commitment(model, model.trace(torch.rand(2, 1, 8, 8)))
    assert name_of(CodeUsage()) == "code_usage"


class Grid(Dirac):
    """Features (…, P, d) rounded to a fixed grid of 3 values a number, with a gradient as if they were not."""

    def __init__(self, features):
        bounded = features.tanh()
        rounded = bounded.round()
        places = 3 ** torch.arange(features.shape[-1])
        self.indices = ((rounded.long() + 1) * places).sum(-1, keepdim=True)  # (…, P, 1)
        super().__init__((rounded.detach() + bounded - bounded.detach()).flatten(-2))


class GridHead(TokenHead):
    """Finite scalar quantisation (Mentzer et al., ICLR 2024): no codebook, and no term that learns one."""

    def __init__(self, positions, size):
        super().__init__(positions, levels=1, entries=3**size, latent=positions * size, features=positions * size)
        self.size = size

    def embed(self, indices):
        places = 3 ** torch.arange(self.size)
        return (indices // places % 3 - 1).float().flatten(-2)

    def forward(self, features):
        return Grid(features.unflatten(-1, (self.positions, self.size)))


def test_codes_of_a_fixed_grid_need_no_codebook():
    torch.manual_seed(0)
    shape, head = (1, 8, 8), GridHead(4, 2)
    model = autoencoder("mlp:32", head, pixel_head("squared-error", shape))
    x = torch.rand(9, *shape)
    q = model.encoder(x)
    torch.testing.assert_close(head.embed(q.indices), q.mean)  # each index names its code
    model.prior = prior = SequencePrior(head)
    stage = Stage("prior", Indices(model, prior), Objective({distortion: 1}), 2)
    recipe = Recipe(model, Objective({distortion: 1.0}), after=(stage,))
    train_model(recipe, load("digits").train, TrainingSettings(epochs=2))
    (z,) = model.draw(50)
    assert set(z.unique().tolist()) <= {-1.0, 0.0, 1.0}
    k = prior().indices.sample((20,)).unflatten(-1, (4, 1))
    assert head.embed(k).shape == (20, 8)
    assert model.decode((z,)).mean.shape == (50, *shape)
