"""Which products a machine has, and that asking for others is refused."""

import contextlib
import shutil

import pytest
import torch
from torch import nn
from zuko.nn import MaskedLinear

from lunette.codes import Codebooks
from lunette.compute import EMULATE, Precision, pick_precision
from lunette.compute import precision as rooms
from lunette.compute.emulated import Emulated
from lunette.errors import LunetteError, LunetteWarning
from lunette.recipes import RECIPES, build
from lunette.runs import Run
from lunette.uses.anomalies.anomalies import anomalies
from lunette.uses.draw.latents import latents
from lunette.uses.evaluate import evaluate
from lunette.uses.evidence import evidence
from lunette.uses.train import resume, train

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _not_emulated(monkeypatch):
    monkeypatch.delenv(EMULATE, raising=False)


def bare_rows(run):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in run.metrics()]


def test_auto_takes_what_the_processor_has(monkeypatch):
    for able, name in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: {"avx512_bf16": able, "amx_bf16": False})
        assert pick_precision("auto", CPU).name == name
        assert pick_precision("fp32", CPU).name == "fp32"
    with pytest.raises(LunetteError, match="cannot use --precision bf16: this processor has no bfloat16 products"):
        pick_precision("bf16", CPU)
    with pytest.raises(LunetteError, match="never tried on mps"):
        pick_precision("bf16", torch.device("mps"))


def test_the_switch_of_the_processors_products_holds_within_a_step_only():
    switches = torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv
    before = [switch.fp32_precision for switch in switches]
    with Precision("bf16", CPU, "").step():
        assert [switch.fp32_precision for switch in switches] == ["bf16", "bf16"]
    assert [switch.fp32_precision for switch in switches] == before
    with Precision("fp32", CPU, "").step():
        assert [switch.fp32_precision for switch in switches] == before


def test_a_gpus_products_are_autocast(monkeypatch):
    asked = []
    monkeypatch.setattr(rooms.torch, "autocast", lambda *args: asked.append(args))
    monkeypatch.setattr(rooms, "has_bf16", lambda _: (True, ""))
    pick_precision("bf16", torch.device("cuda")).forward()
    assert asked == [("cuda", torch.bfloat16)]


def test_convolutions_are_autocast_on_a_processor_too_and_dense_layers_are_not(monkeypatch):
    monkeypatch.setattr(rooms, "has_bf16", lambda _: (True, ""))
    models = {network: build("vae", (1, 8, 8), {"network": network}).model for network in ("mlp:8", "conv:4/2:8")}
    for network, autocast in (("mlp:8", False), ("conv:4/2:8", True)):
        with pick_precision("auto", CPU, models[network]).forward():
            assert torch.is_autocast_enabled("cpu") == autocast
        with pick_precision("fp32", CPU, models[network]).forward():
            assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Conv2d(8, 16, 3, 2, 1), (16, 8, 12, 12)), (nn.Linear(300, 50), (16, 300))]
)
def test_emulated_autocast_is_torchs(layer, shape):
    """To the bit, but where a sum in another order is rounded to a neighbour."""
    x, found = torch.randn(shape), []
    for around in (torch.autocast("cpu", torch.bfloat16), Emulated(autocast=True), Emulated()):
        with around:
            found.append(layer(x).float().detach())
    torchs, emulated, factors_alone = found
    assert (torchs == emulated).float().mean() > 0.85
    torch.testing.assert_close(torchs, emulated, rtol=2**-7, atol=1e-3)
    assert (torchs == factors_alone).float().mean() < 0.15


def test_emulated_products_are_those_of_rounded_factors(with_bf16):
    torch.manual_seed(0)
    a, b = torch.randn(40, 70, requires_grad=True), torch.randn(70, 30, requires_grad=True)
    added = torch.randn(30)
    with Precision("bf16", CPU, "").step():
        out = torch.addmm(added, a, b)
        out.sum().backward()
    exact = a.detach().bfloat16().double() @ b.detach().bfloat16().double() + added.double()
    torch.testing.assert_close(out.double(), exact, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(a.grad, b.detach().bfloat16().float().sum(1).expand(40, 70), rtol=1e-2, atol=1e-2)
    image, kernel = torch.randn(2, 3, 8, 8), torch.randn(5, 3, 3, 3)
    with Precision("bf16", CPU, "").step():
        found = torch.conv2d(image, kernel)
    exact = torch.conv2d(image.bfloat16().double(), kernel.bfloat16().double())
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-4)
    assert (found.double() - torch.conv2d(image.double(), kernel.double())).abs().max() > 1e-3


def test_products_within_distances_are_emulated_too(monkeypatch):
    monkeypatch.setenv(EMULATE, "1")
    x, y = 100 + torch.randn(60, 8), 100 + torch.randn(50, 8)
    exact = torch.cdist(x.double(), y.double())
    with Precision("bf16", CPU, "").step():
        by_products = torch.cdist(x, y)
        directly = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    assert (by_products - exact).abs().max() > 1
    torch.testing.assert_close(directly.double(), exact, rtol=1e-4, atol=1e-4)


class Outside(Emulated):
    """The products that are not a network's: those of its layers are left as they are."""

    inside = False


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_no_term_but_by_its_networks_depends_on_the_precision_of_products(name, monkeypatch):
    """Choices, distances, covariances and densities take no bfloat16 products, in any recipe."""
    mode = Outside()

    def left_alone(forward):
        def run(*args, **kwargs):
            with torch.utils._python_dispatch._disable_current_modes():
                return forward(*args, **kwargs)

        return run

    for layer in (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, MaskedLinear):
        monkeypatch.setattr(layer, "forward", left_alone(layer.forward))
    made = build(name, (1, 8, 8), labels=3)
    x, y = torch.rand(40, 1, 8, 8), (torch.arange(40) % 3 if made.model.labels else None)
    found = []
    for around in (contextlib.nullcontext(), mode):
        torch.manual_seed(0)
        with around:
            terms = made.objective(made.model, made.model.trace(x, y, samples=made.objective.samples))
        found.append(terms)
    for term, value in found[0].items():
        # Some codes have the slope of a network in them, whose products are the network's, too.
        close = 1e-2 if name in ("hvae", "rhvae", "iaf_vae") else 0
        torch.testing.assert_close(value, found[1][term], rtol=close, atol=close)


def test_choices_of_a_codebook_are_the_same_in_a_step_and_afterwards(monkeypatch):
    monkeypatch.setenv(EMULATE, "1")
    torch.manual_seed(0)
    books = Codebooks(entries=256, size=8, levels=2)
    vectors = torch.randn(2000, 8) / 256
    with Precision("bf16", CPU, "").step():
        within = books.nearest(vectors)
    assert within.equal(books.nearest(vectors))
    exact = (vectors.double()[:, None] - books.entries[0].double()).square().sum(-1).argmin(-1)
    assert within[:, 0].equal(exact)


def test_run_toml_and_report_say_the_products_that_were_used(tmp_path, with_bf16):
    small = {"epochs": 1, "pictures": 0, "network": "mlp:8", "latent": 2}
    for asked, used in (("auto", "bf16"), ("fp32", "fp32"), ("bf16", "bf16")):
        run = train(out=tmp_path / asked, precision=asked, **small)
        assert Run(run.path).settings.training.precision == used
        assert f"<td>{used}</td>" in (run.path / "report.html").read_text()


def test_a_run_goes_on_under_other_products_only_when_told(tmp_path, monkeypatch):
    small = {"pictures": 0, "network": "mlp:8", "latent": 2}
    monkeypatch.setenv(EMULATE, "1")
    run = train(out=tmp_path / "run", epochs=2, **small)
    whole = train(out=tmp_path / "whole", epochs=4, **small)
    monkeypatch.delenv(EMULATE)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    with pytest.raises(LunetteError, match="was trained with bf16 products, and this processor.*--precision fp32"):
        resume(run.path, epochs=4)
    assert Run(run.path).settings == run.settings
    copy = shutil.copytree(run.path, tmp_path / "copy")
    with pytest.warns(LunetteWarning, match="goes on with fp32 products, and had others before"):
        other = resume(copy, epochs=4, precision="fp32")
    assert Run(copy).settings.training.precision == "fp32"
    assert Run(copy).settings.versions["products up to epoch 2"] == "bf16"
    assert "products up to epoch 2" in (copy / "report.html").read_text()
    monkeypatch.setenv(EMULATE, "1")
    same = resume(run.path, epochs=4)
    assert bare_rows(same) == bare_rows(whole) != bare_rows(other)


def test_what_is_measured_afterwards_does_not_see_the_precision_of_training(tmp_path, monkeypatch):
    monkeypatch.setenv(EMULATE, "1")
    small = {"epochs": 1, "pictures": 0, "network": "mlp:16", "latent": 2}
    run = train(out=tmp_path / "run", binarize="threshold", precision="bf16", **small)

    def measured():
        found = evaluate(run, ["likelihood", "codes", "reconstruction"], samples=20)
        numbers = {name: {k: n.value for k, n in group.numbers.items()} for name, group in found.groups.items()}
        scores = anomalies(run, run.dataset.test.pixels[:20].numpy()).scores
        return [evidence(run, samples=20).mean, numbers, latents(run).codes.tolist(), scores.tolist()]

    within = measured()
    monkeypatch.delenv(EMULATE)
    assert within == measured()
