"""Densities fitted to codes, against closed forms, scikit-learn, quadrature and two-sample tests; and in a run."""

import hashlib
import math
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.stats import multivariate_normal
from sklearn.datasets import make_moons
from sklearn.mixture import GaussianMixture

import lunette
from lunette import files
from lunette.compute.coding import encode
from lunette.densities import KINDS, CodeSet, Flow, FlowMatching, Gaussian, Mixture, TwoStage, make_density
from lunette.errors import Diverged, LunetteError, LunetteWarning
from lunette.faces.cli import main
from lunette.progress import watched
from lunette.randomness import reseed
from lunette.runs import Run
from lunette.uses.fit_prior import codes, fit_prior
from lunette.uses.train import train

QUICK = {"flow": {"steps": 20, "width": 16}, "two-stage": {"steps": 50}, "flow-matching": {"steps": 50}}


def moons(n, seed):
    """Draws of two half moons (n, 2), and which of the two each is of."""
    z, y = make_moons(n, noise=0.08, random_state=seed)
    return 3 + 2 * torch.from_numpy(z).float(), torch.from_numpy(y)


def fitted(density, z, y=None, held_out=None, seed=0):
    """Fit `density` to codes z (N, D)."""
    rest = CodeSet(z[None], y)
    for _ in density.fit(rest, held_out or rest, seed):
        pass
    return density.eval()


def energy(a, b):
    """The energy distance 2 E|X − Y| − E|X − X'| − E|Y − Y'| between draws (Székely & Rizzo, 2013)."""
    return float(2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean())


def p_value(a, b, rounds=200):
    """The share of random partitions of both draws whose energy distance is no less than that of a and b."""
    torch.manual_seed(1)
    found, both = energy(a, b), torch.cat([a, b])
    order = (torch.randperm(len(both)) for _ in range(rounds))
    return sum(energy(both[i[: len(a)]], both[i[len(a) :]]) >= found for i in order) / rounds


def integral(log_prob, low, high, n=300):
    """∫ p over a square, by the midpoint rule."""
    steps = low + (high - low) * (torch.arange(n) + 0.5) / n
    with torch.no_grad():
        return float(log_prob(torch.cartesian_prod(steps, steps)).exp().sum()) * ((high - low) / n) ** 2


def test_a_gaussian_has_the_codes_moments():
    torch.manual_seed(0)
    z = torch.randn(4000, 3) @ torch.tensor([[2.0, 0, 0], [1, 1, 0], [0, -3, 0.5]]) + torch.tensor([1.0, 0, -5])
    density = fitted(Gaussian(3), z)
    mean, covariance = z.numpy().mean(0), np.cov(z.numpy().T, bias=True)
    assert np.allclose(density.mean, mean, atol=1e-5)
    assert np.allclose(density.factor @ density.factor.T, covariance, rtol=1e-4, atol=1e-4)
    expected = multivariate_normal(mean, covariance).logpdf(z[:50])
    assert np.allclose(density.log_prob(z[:50]), expected, atol=1e-3)
    draws = density.sample(40_000)
    assert np.allclose(draws.mean(0), mean, atol=0.08)
    assert np.allclose(np.cov(draws.T), covariance, atol=0.35)
    assert np.allclose(density.sample(3, temperature=0.0), mean, atol=1e-5)


def test_a_gaussian_of_codes_in_a_plane_is_drawn_in_it():
    torch.manual_seed(0)
    z = torch.randn(500, 2) @ torch.tensor([[1.0, 1, 0], [0, 1, 0]])
    draws = fitted(Gaussian(3), z).sample(1000)
    assert draws[:, 2].abs().max() < 0.01
    assert draws.isfinite().all()


def test_a_mixture_is_scikit_learns():
    z, _ = moons(1500, 0)
    density = fitted(Mixture(2, components=4), z)
    reference = GaussianMixture(4)
    reference.weights_ = density.log_weights.exp().double().numpy()
    reference.means_ = density.means.double().numpy()
    covariances = (density.factors @ density.factors.mT).double().numpy()
    reference.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(covariances)).transpose(0, 2, 1)
    assert np.allclose(density.log_prob(z), reference.score_samples(z), atol=1e-4)
    best = max(GaussianMixture(4, random_state=seed, max_iter=500).fit(z).score(z) for seed in range(3))
    assert float(density.log_prob(z).mean()) > best - 0.1
    assert p_value(density.sample(600), z[:600]) > 0.05


def test_a_mixture_of_too_many_parts_is_refused():
    with pytest.raises(LunetteError, match="5 codes cannot make 10 components"):
        fitted(Mixture(2), torch.randn(5, 2))


@pytest.mark.parametrize("density", [Gaussian(2), Mixture(2, 5), Flow(2, transforms=2, width=32, steps=50)], ids=type)
def test_densities_integrate_to_one(density):
    torch.manual_seed(0)
    z, _ = moons(1000, 0)
    fitted(density, z)
    assert integral(density.log_prob, -12.0, 18.0) == pytest.approx(1, abs=5e-3)


def test_a_flow_is_drawn_from_as_its_density_says():
    torch.manual_seed(0)
    z, _ = moons(2000, 0)
    density = fitted(Flow(2, transforms=2, width=32, steps=100), z)
    with torch.no_grad():
        draws = density.sample(4000)
        # E[−log p] of its own draws is its entropy, which the same sum over a grid gives by quadrature.
        steps = torch.linspace(-12, 18, 300)
        log_p = density.log_prob(torch.cartesian_prod(steps, steps))
        entropy = float(-(log_p.exp() * log_p).sum()) * (30 / 299) ** 2
        assert float(-density.log_prob(draws).mean()) == pytest.approx(entropy, abs=0.06)


def test_flow_matching_carries_noise_to_the_moons():
    torch.manual_seed(0)
    z, test = moons(4000, 0)[0], moons(500, 1)[0]
    untrained, trained = (fitted(FlowMatching(2, width=64, blocks=2, steps=steps), z) for steps in (1, 300))
    with torch.no_grad():
        assert p_value(untrained.sample(500), test) == 0
        assert p_value(trained.sample(500), test) > 0.05


def test_the_second_stage_is_nearer_to_the_moons_than_a_normal():
    torch.manual_seed(0)
    z, test = moons(4000, 0)[0], moons(500, 1)[0]
    density = TwoStage(2, width=64, steps=600)
    density.learning_rate = 0.003
    with torch.no_grad():
        untrained = energy(density.sample(500), test)
    fitted(density, z)
    with torch.no_grad():
        near = energy(density.sample(500), test)
        assert near < 0.6 * energy(fitted(Gaussian(2), z).sample(500), test)
        assert near < 0.1 * untrained


def test_the_second_stages_loss_is_a_bound():
    # f(u) = A u makes the codes normal, so that log p(z) is known: the bound is reached with the exact posterior.
    torch.manual_seed(0)
    density = TwoStage(2, width=8, steps=1)
    matrix = torch.tensor([[1.0, 0.5], [0.0, 2.0]])
    density.decoder = torch.nn.Linear(2, 2, bias=False)
    z, gamma = torch.randn(50, 2), math.exp(-1)
    with torch.no_grad():
        density.decoder.weight.copy_(matrix)
        bound = torch.stack([density.loss(z) for _ in range(400)]).mean(0)
        expected = multivariate_normal(np.zeros(2), matrix @ matrix.T + gamma**2 * torch.eye(2)).logpdf(z)
        assert (bound.numpy() > -expected).all()
        diagonal = torch.tensor([0.7, 2.0])
        density.decoder.weight.copy_(diagonal.diag())
        precision = diagonal**2 / gamma**2 + 1
        del density.encoder
        density.encoder = lambda z: torch.cat([z * diagonal / gamma**2 / precision, -precision.log().expand_as(z)], -1)
        tight = torch.stack([density.loss(z) for _ in range(2000)]).mean(0)
        exact = multivariate_normal(np.zeros(2), (diagonal**2 + gamma**2).diag()).logpdf(z)
        assert np.allclose(tight, -exact, atol=0.15)


def test_flow_matching_finds_the_normal_fields_closed_form():
    # Codes N(0, I) after standardising: v(u, t) = E[u₁ − u₀ | u_t = u] = (2t − 1) / (t² + (1 − t)²) · u.
    torch.manual_seed(0)
    density = FlowMatching(2, width=64, blocks=1, steps=250)
    density.learning_rate = 0.003
    fitted(density, torch.randn(20_000, 2))
    u = torch.randn(500, 2)
    with torch.no_grad():
        for t in (0.0, 0.3, 0.5, 0.9):
            time = torch.full((500, 1), t)
            expected = (2 * t - 1) / (t**2 + (1 - t) ** 2) * u
            spread = math.hypot(t, 1 - t)  # of u_t
            error = density.velocity(spread * u, time, None) - spread * expected
            assert error.square().mean() < 0.02


def test_labels_lead_to_their_clusters():
    torch.manual_seed(0)
    y = torch.multinomial(torch.tensor([0.2, 0.5, 0.3]), 3000, replacement=True)
    centres = torch.tensor([[0.0, 0], [6, 0], [0, 6]])
    density = fitted(
        FlowMatching(2, labels=3, width=64, blocks=2, steps=200), centres[y] + 0.5 * torch.randn(3000, 2), y
    )
    with torch.no_grad():
        asked = torch.arange(3).repeat_interleave(300)
        assert (torch.cdist(density.sample(900, asked), centres).argmin(1) == asked).float().mean() > 0.98
        shares = torch.cdist(density.sample(3000), centres).argmin(1).bincount() / 3000
    assert torch.allclose(shares, torch.tensor([0.2, 0.5, 0.3]), atol=0.04)


def test_the_best_weights_on_held_out_codes_stay():
    torch.manual_seed(0)
    few, held_out = CodeSet(moons(20, 0)[0][None]), CodeSet(moons(500, 1)[0][None])
    density = Flow(2, transforms=2, width=32, steps=150)
    density.learning_rate = 0.01
    seen = [at.numbers["negative_log_density"] for at in density.fit(few, held_out, 0)]
    assert seen[-1] > min(seen) + 0.1  # so few codes are learnt by heart
    reseed(0, "held out")
    assert float(density.loss(held_out.z[0]).mean().detach()) == pytest.approx(min(seen), abs=1e-5)


def test_a_fit_that_is_not_finite_says_so():
    density = Flow(2, transforms=1, width=8, steps=60)
    density.learning_rate = math.inf
    with pytest.raises(Diverged, match="was never finite"):
        fitted(density, torch.full((10, 2), math.nan))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    how = {"epochs": 1, "network": "mlp:32", "pictures": 0}
    return {name: train(name, out=folder / name, latent=4, **how) for name in ("vae", "denoising", "sparse")}


@pytest.fixture
def run(runs, tmp_path):
    return Run(shutil.copytree(runs["vae"].path, tmp_path / "run"))


def weights(run):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in run.path.rglob("checkpoints/*/*")}


def test_codes_are_posterior_samples_or_the_points_themselves(runs):
    vae, denoising = runs["vae"], runs["denoising"]
    model, images = vae.model(device="cpu"), vae.dataset.train
    z, rungs = codes(model, images, 50, 0)
    assert z.shape == (50, len(images), 4)
    assert rungs == (4,)
    with torch.no_grad():
        q = model.encoder(images.pixels / 255).base_dist
    error = (z.mean(0) - q.loc) / q.scale * 50**0.5
    assert float(error.square().mean()) == pytest.approx(1, abs=0.08)
    assert float((z.std(0) / q.scale).mean()) == pytest.approx(1, abs=0.02)
    model, images = denoising.model(device="cpu"), denoising.dataset.train
    z, _ = codes(model, images, 7, 0)  # of undamaged pictures
    torch.testing.assert_close(z, encode(model, images.pixels)[0][None])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_kept_and_drawn_from(run, kind):
    before, parts = weights(run), set()
    own = np.asarray(lunette.sample(run, 5))
    with watched(lambda at: parts.add(at.what)):
        prior = fit_prior(run, kind, **QUICK.get(kind, {}))
    assert weights(run) == before
    assert parts == {"coding pictures", "fitting"} if kind in QUICK else parts == {"coding pictures"}
    assert {path.suffix for path in (run.path / "priors").iterdir()} == {".toml", ".safetensors"}
    kept = run.priors.load(kind)
    assert kept == prior
    assert all(math.isfinite(value) for value in kept.held_out.values())
    for name, value in prior.density.state_dict().items():
        assert torch.equal(value, kept.density.state_dict()[name])
    drawn = np.asarray(lunette.sample(run, 5, prior=kind))
    assert drawn.shape == (5, 1, 8, 8)
    assert np.array_equal(drawn, np.asarray(lunette.sample(run, 5, prior=kind)))
    assert not np.array_equal(drawn, own)
    assert np.array_equal(own, np.asarray(lunette.sample(run, 5)))


def test_the_same_seed_gives_the_same_density(run):
    one, same, other = (fit_prior(run, "flow-matching", seed=seed, steps=5).density.state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert not torch.equal(one["velocity.enter.weight"], other["velocity.enter.weight"])


def test_a_part_of_many_pictures_is_taken_and_said(run, monkeypatch, capsys):
    monkeypatch.setattr("lunette.uses.fit_prior.MOST", 100)
    n = len(run.dataset.train)
    with pytest.warns(LunetteWarning, match=f"100 of the {n:,} training pictures are taken"):
        assert fit_prior(run, "gaussian").pictures == 90  # a tenth is held out
    assert main(["fit-prior", str(run.path), "--kind", "gaussian", "--all-pictures"]) == 0
    assert f"prior of {n - round(0.1 * n):,} pictures" in capsys.readouterr().out


def test_fitting_again_replaces(run):
    fit_prior(run, "mixture", components=2)
    fit_prior(run, "gaussian")
    fit_prior(run, "mixture", components=3, seed=1)
    assert run.priors.load("mixture").arguments == {"components": 3}
    assert len(list((run.path / "priors").iterdir())) == 4


def test_codes_of_another_checkpoint_are_refused(run):
    fit_prior(run, "gaussian")
    lunette.resume(run, epochs=2, progress=False)
    with pytest.raises(LunetteError, match=r"fitted to the codes of checkpoint 0002, not of 0003: fit it anew"):
        lunette.sample(run, 4, prior="gaussian")
    assert len(np.asarray(lunette.sample(run, 4, prior="gaussian", checkpoint="0002"))) == 4
    fit_prior(run, "gaussian")
    assert len(np.asarray(lunette.sample(run, 4, prior="gaussian"))) == 4


def test_a_model_without_a_prior_takes_the_newest_fitted(runs, tmp_path):
    run = Run(shutil.copytree(runs["sparse"].path, tmp_path / "run"))
    with pytest.raises(LunetteError, match=f"do so with lunette fit-prior {run.path}"):
        lunette.sample(run, 4)
    for kind in ("mixture", "flow", "gaussian"):
        fit_prior(run, kind, **QUICK.get(kind, {}))
        expected = np.asarray(lunette.sample(run, 4, prior=kind))
        assert np.array_equal(np.asarray(lunette.sample(run, 4)), expected)


def test_interruption_and_full_disks_leave_what_was(run, monkeypatch):
    def stop(at):
        if at.what == "fitting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watched(stop):
        fit_prior(run, "flow-matching", steps=50)
    assert not (run.path / "priors").exists()
    first = fit_prior(run, "gaussian")
    before = sorted((run.path / "priors").iterdir())
    whole = files.write_through

    def full(path, data):
        whole(path, data[: len(data) // 2])
        if ".toml" in path.name:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_through", full)
    with pytest.raises(LunetteError, match="the disk is full"):
        fit_prior(run, "gaussian", seed=1)
    assert sorted((run.path / "priors").iterdir()) == before
    assert run.priors.load() == first


def test_damage_is_told(run):
    fit_prior(run, "gaussian")
    (tensors,) = (run.path / "priors").glob("*.safetensors")
    assert set(load_file(tensors)) == {"mean", "factor"}
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"\x01")
    with pytest.raises(LunetteError, match=f"SHA-256.*fit it anew with lunette fit-prior {run.path} --kind gaussian"):
        lunette.sample(run, 4, prior="gaussian")
    (run.path / "priors" / "gaussian.toml").write_text("kind = 'gaussian'")
    with pytest.raises(LunetteError, match=r"gaussian.toml cannot be read.*fit it anew"):
        lunette.sample(run, 4, prior="gaussian")


def test_several_rungs_are_fitted_side_by_side_and_split(tmp_path):
    how = {"network": "mlp:32,16", "rungs": 2, "latent": 3, "epochs": 1, "pictures": 0}
    run = lunette.train("ladder", "digits", out=tmp_path / "ladder", progress=False, **how)
    prior = fit_prior(run, "gaussian")
    assert prior.rungs == (3, 3)
    assert [tuple(rung.shape) for rung in prior.draw(6)] == [(6, 3), (6, 3)]
    assert len(np.asarray(lunette.sample(run, 5, prior="gaussian"))) == 5


def test_labels_are_asked_for_by_name(run):
    fit_prior(run, "gaussian")
    prior = fit_prior(run, "flow-matching", steps=20)
    assert prior.label_names == tuple("0123456789")
    reseed(0, "sample")
    by_name = prior.draw(3, "7")[0]
    reseed(0, "sample")
    assert torch.equal(by_name, prior.density.sample(3, torch.full((3,), 7)))
    assert len(np.asarray(lunette.sample(run, 3, prior="flow-matching", label=7))) == 3
    with pytest.raises(LunetteError, match="unknown label 'seven'"):
        lunette.sample(run, 3, prior="flow-matching", label="seven")
    with pytest.raises(LunetteError, match="gaussian prior tells no labels apart"):
        lunette.sample(run, 3, prior="gaussian", label=7)
    with pytest.raises(LunetteError, match="knows no labels"):
        lunette.sample(run, 3, label=7)


def test_what_cannot_be_fitted_is_refused(run):
    for arguments, words in [
        ({"kind": "gausian"}, "did you mean 'gaussian'"),
        ({"kind": "gaussian", "components": 3}, "unknown argument of a gaussian prior 'components'; there is none"),
        ({"kind": "flow", "latent": 3}, "unknown argument of a flow prior 'latent'"),
        ({"kind": "mixture", "components": 0}, "components must be greater than 0"),
        ({"kind": "flow-matching", "evaluations": 1}, "evaluations must be"),
        ({"draws": 0}, "at least 1 draw"),
    ]:
        with pytest.raises(LunetteError, match=words):
            fit_prior(run, **arguments)
    assert not (run.path / "priors").exists()


def test_the_command_line(run, capsys):
    assert main(["fit-prior", str(run.path), "--kind", "flow-matching", "--steps", "30"]) == 0
    out = capsys.readouterr().out
    assert "velocity error" in out
    assert f"lunette sample {run.path} --prior flow-matching" in out
    assert main(["sample", str(run.path), "--prior", "flow-matching", "--label", "7", "--npz", "seven.npz"]) == 0
    with np.load("seven.npz") as arrays:
        assert arrays["images"].shape == (64, 1, 8, 8)
    assert main(["fit-prior", str(run.path), "--kind", "gaussian", "--steps", "30"]) == 2
    assert "unknown argument of a gaussian prior 'steps'" in capsys.readouterr().err
    assert main(["sample", str(run.path), "--prior", "mixture"]) == 2
    assert f"lunette fit-prior {run.path} --kind mixture" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_dimension_is_enough(kind):
    torch.manual_seed(0)
    arguments = QUICK.get(kind, {}) | ({"width": 16} if kind in QUICK else {})
    codes = 5 + 2 * torch.randn(200, 1)
    density = fitted(make_density(kind, 1, 0, arguments), codes)
    with torch.no_grad():
        draws = density.sample(400)
    assert draws.shape == (400, 1)
    if kind == "flow":  # a spline of one dimension begins far away, and a few steps bring it nearer
        rough = fitted(make_density(kind, 1, 0, arguments | {"steps": 1}), codes)
        assert density.loss(codes).mean() < rough.loss(codes).mean()
    else:
        assert 3 < float(draws.mean()) < 7
