"""Missing parts filled in: chains against the normal distribution's own conditioning."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import lunette
from lunette.codes import NormalHead, StandardNormal
from lunette.compute.coding import decode, encode
from lunette.errors import LunetteError, LunetteWarning
from lunette.faces.cli import main
from lunette.images import load, read_mask
from lunette.models import Autoencoder, Conditional
from lunette.recipes import build
from lunette.uses.change.inpaint import inpaint_model, started
from test_linear_vae import LATENT, SHAPE, LinearNormal

CHAINS = 2000
HALF = read_mask("0,4,8,4", (8, 8))


@pytest.fixture
def linear():
    """A linear VAE whose encoder is wrong: its means are off and its deviations too large."""
    torch.manual_seed(3)
    encoder = Conditional(nn.Sequential(nn.Flatten(-3), nn.Linear(12, 2 * LATENT)), NormalHead(LATENT))
    decoder = Conditional(nn.Linear(LATENT, 12), LinearNormal(SHAPE))
    W, b, σ = 0.25 * torch.randn(12, LATENT), torch.full((12,), 0.5), 0.2
    S = torch.linalg.inv(torch.eye(LATENT) + W.T @ W / σ**2)  # of p(z | x), whose mean is S Wᵀ (x − b) / σ²
    reader = encoder.network[1]
    with torch.no_grad():
        decoder.network.weight.copy_(W)
        decoder.network.bias.copy_(b)
        decoder.head.log_scale.fill_(np.log(σ))
        reader.weight[:LATENT] = S @ W.T / σ**2
        reader.bias[:LATENT] = 0.15 - S @ W.T @ b / σ**2
        reader.weight[LATENT:] = 0
        reader.bias[LATENT:] = S.diagonal().log() + 0.8
    return Autoencoder(encoder, decoder, StandardNormal(LATENT)).eval()


def conditional(model, x, missing):
    """Return the mean (N, M) and the covariance (M, M) of the M missing pixels of E[x | z], given the others of x."""
    W, b = model.decoder.network.weight.detach(), model.decoder.network.bias.detach()
    variance = (2 * model.decoder.head.log_scale.detach()).exp()
    hole = missing.flatten()
    S = torch.linalg.inv(torch.eye(LATENT) + W[~hole].T @ W[~hole] / variance)
    z = (x.flatten(1) - b)[:, ~hole] @ W[~hole] @ S / variance
    return z @ W[hole].T + b[hole], W[hole] @ S @ W[hole].T


def test_chains_draw_from_the_conditional_of_a_linear_vae(linear):
    pixels = torch.randint(60, 200, (2, *SHAPE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    missing = read_mask("0,0,2,3", SHAPE[1:])
    found = inpaint_model(linear, pixels, missing, draws=CHAINS, steps=150)
    mean, covariance = conditional(linear, pixels / 255, missing)
    draws = torch.from_numpy(found.draws[..., missing.numpy()]).squeeze(2)  # (K, N, M)
    error = (covariance.diagonal() / CHAINS).sqrt()
    assert ((draws.mean(0) - mean) / error).abs().max() < 4
    assert ((torch.from_numpy(found.images[..., missing.numpy()]).squeeze(1) - mean) / error).abs().max() < 4
    spread = draws.var(0) / covariance.diagonal()
    assert (spread - 1).abs().max() < 4 * (2 / CHAINS) ** 0.5
    assert 0.1 < found.acceptance < 0.7
    # Without the correction, as in the first quarter of the steps, all of this is far off.
    free = inpaint_model(linear, pixels, missing, draws=CHAINS, steps=1)
    first = torch.from_numpy(free.images[..., missing.numpy()]).squeeze(1)
    assert ((first - mean) / error).abs().max() > 10


def test_a_right_encoder_is_never_refused(linear):
    """With q(z | x) = p(z | x) every weight is p(x), so the chain is plain Gibbs."""
    reader = linear.encoder.network[1]
    W, b = linear.decoder.network.weight.detach(), linear.decoder.network.bias.detach()
    with torch.no_grad():  # directions at right angles make p(z | x) a product
        W.copy_(torch.linalg.qr(W)[0])
        precision = 1 + 1 / (2 * linear.decoder.head.log_scale).exp()
        reader.weight[:LATENT] = W.T * (precision - 1) / precision
        reader.bias[:LATENT] = -reader.weight[:LATENT] @ b
        reader.bias[LATENT:] = -precision.log()
    pixels = torch.full((1, *SHAPE), 100, dtype=torch.uint8)
    found = inpaint_model(linear, pixels, read_mask("0,0,2,3", SHAPE[1:]), draws=50, steps=40)
    assert found.acceptance > 0.999


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("inpaint") / "run"
    how = {"epochs": 15, "network": "mlp:128", "learning_rate": 3e-3, "pictures": 0, "progress": False}
    return lunette.train("vae", "digits", out=out, **how)


def test_what_is_seen_stays_and_the_rest_is_better_than_its_mean(run):
    filled = lunette.inpaint(run, mask="0,4,8,4", progress=False)
    truth = run.dataset.test.pixels[:16]
    assert filled.draws.shape == (8, 16, 1, 8, 8)
    assert np.array_equal(filled.images[:, :, :4], truth[:, :, :4].numpy() / np.float32(255))
    for draw in filled.draws:
        assert np.array_equal(draw[:, :, :4], filled.images[:, :, :4])
    assert (filled.seen[:, :, 4:] == 0.5).all()
    truth = run.dataset.test.pixels
    filled = lunette.inpaint(run, truth[:], mask=HALF, draws=4, steps=60, progress=False)
    hole, truth = HALF.numpy(), truth.numpy() / 255
    plain = started(torch.from_numpy(truth), HALF).numpy()
    errors = [((images - truth)[..., hole] ** 2).mean() for images in (filled.images, filled.draws[0], plain)]
    assert errors[0] < errors[1]
    assert errors[0] < 0.75 * errors[2]


def test_the_seed_decides(run):
    one, same, other = (
        lunette.inpaint(run, mask="0,4,8,4", draws=2, steps=8, seed=seed, progress=False) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.draws, same.draws)
    assert not np.array_equal(one.draws, other.draws)
    model, state = run.model(), torch.get_rng_state()
    inpaint_model(model, run.dataset.test.pixels[:2], HALF, draws=2, steps=8)
    assert torch.equal(state, torch.get_rng_state())


def untrained(name, **arguments):
    torch.manual_seed(0)
    return build(name, (1, 8, 8), arguments, 10).model.eval()


def test_plain_autoencoders_repeat_a_pass():
    model, pixels = untrained("autoencoder"), load("digits").test.pixels[:3]
    found = inpaint_model(model, pixels, HALF, steps=1)
    x = started(pixels / 255, HALF)
    torch.testing.assert_close(x[0, 0, 5, 2], (pixels[0, 0, :4] / 255).mean())
    expected = torch.where(HALF, torch.from_numpy(decode(model, encode(model, x))), x)
    np.testing.assert_allclose(found.images, expected, atol=1e-6)
    assert found.acceptance is None
    assert found.draws.shape == (1, 3, 1, 8, 8)
    assert "by projection" in repr(found)
    assert found.picture().width == 2 * 98 + 2


@pytest.mark.parametrize("arguments", [{"binarize": "threshold"}, {"likelihood": "logistic-mixture"}])
def test_what_is_seen_stays_also_where_the_model_sees_other_pixels(arguments):
    pixels = load("digits").test.pixels[:3]
    found = inpaint_model(untrained("vae", **arguments), pixels, HALF, draws=2, steps=4)
    assert np.array_equal(found.images[:, :, :4], pixels[:, :, :4].numpy() / np.float32(255))
    assert found.acceptance is not None


def test_a_model_that_is_told_labels_fills_in_by_them():
    model, pixels = untrained("cvae"), load("digits").test.pixels[:3]
    one, other = (inpaint_model(model, pixels, HALF, 2, 4, y=torch.full((3,), label)).images for label in (1, 8))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(("name", "words"), [("ladder", "codes are on 3 rungs"), ("hvae", "only at its last draws")])
def test_models_whose_codes_cannot_be_weighed_are_refused(name, words):
    with pytest.raises(LunetteError, match=words):
        inpaint_model(untrained(name), load("digits").test.pixels[:2], HALF, 2, 4)


def test_chains_that_stand_still_are_told_of(linear):
    with torch.no_grad():
        linear.encoder.network[1].bias[:LATENT] = 100
    pixels = torch.full((1, *SHAPE), 100, dtype=torch.uint8)
    with pytest.warns(LunetteWarning, match="of the chains' proposals were accepted"):
        inpaint_model(linear, pixels, read_mask("0,0,2,3", SHAPE[1:]), draws=2, steps=8)


def test_a_mask_is_a_box_or_a_picture_or_an_array(tmp_path):
    expected = np.zeros((6, 8), bool)
    expected[1:3, 5:8] = True
    Image.fromarray(expected.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    for mask in ("5,1,3,2", tmp_path / "mask.png", str(tmp_path / "mask.png"), expected, torch.from_numpy(expected)):
        assert np.array_equal(read_mask(mask, (6, 8)), expected)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ("6,0,3,2", r"the box 6,0,3,2 .* does not lie"),
        ("0,0,0,2", "does not lie"),
        ("-1,0,3,2", "does not lie"),
        ("0,14", r"four whole numbers, x,y,width,height, .* not '0,14'"),
        ("0,0,2.5,2", "four whole numbers"),
        ("0,0,8,6", "every pixel is missing"),
        (np.zeros((6, 8), bool), "no pixel is missing"),
        (np.ones((8, 6), bool), "the mask is 8×6 .* the model's 6×8"),
        (np.ones((6, 8)), "an array of booleans"),
        ("absent.png", "there is no picture absent"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask, words):
    with pytest.raises(LunetteError, match=words):
        read_mask(mask, (6, 8))


def test_numbers_that_make_no_chain_are_refused(run):
    for given in ({"draws": 0}, {"steps": 0}):
        with pytest.raises(LunetteError, match="1 draw and 1 step or more"):
            lunette.inpaint(run, mask="0,4,8,4", progress=False, **given)


def test_the_command_line(run, tmp_path, capsys):
    picture = run.dataset.test.pixels[5, 0].numpy()
    Image.fromarray(picture).save(tmp_path / "five.bmp")
    Image.fromarray(np.where(HALF, 255, 0).astype(np.uint8)).save(tmp_path / "mask.png")
    quick = ["--steps", "8", "--draws", "3"]
    args = ["inpaint", str(run.path), "five.bmp", "--mask", "mask.png", "-o", "filled", *quick]
    assert main([*args, "--npz", "filled"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["filled", "filled.npz"]
    assert sorted(path.name for path in (tmp_path / "filled").iterdir()) == ["five.png", "sheet.png"]
    with Image.open(tmp_path / "filled" / "five.png") as filled:
        assert np.array_equal(np.asarray(filled)[:4], picture[:4])
    with np.load("filled.npz") as arrays:
        assert arrays["draws"].shape == (3, 1, 1, 8, 8)
    assert main(args) == 2
    assert main(["inpaint", str(run.path), "five.bmp", "--mask", "five.png", "-o", "other"]) == 2
    assert "there is no picture five.png" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
    assert main(["inpaint", str(run.path), "--mask", "0,4,8,4", *quick]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(run.pictures / "inpaint.png")
