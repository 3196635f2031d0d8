"""What is taken elsewhere gives there what it gave here, and what comes from elsewhere is looked at first."""

import functools
import io
import json
import re
import shutil
import stat
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import yaml
from PIL import Image

import lunette
from lunette.compute import to_float
from lunette.compute.labels import labels_for
from lunette.densities import make_density
from lunette.errors import LunetteError
from lunette.faces.cli import main
from lunette.images import load
from lunette.recipes import build
from lunette.results.evaluation import Evaluation, Group, Number
from lunette.runs import FittedPrior, Run
from lunette.uses.export import export, folder, unpack
from lunette.uses.export import networks as writing
from lunette.uses.export.networks import difference, networks
from lunette.uses.train import train

TINY = {"network": "mlp:8", "latent": 3, "epochs": 1, "pictures": 0}
# Each meets an operator or a way of its own: the rest of the registry is alike, and was written by hand.
RECIPES = {
    "ladder": {"network": "mlp:8,8", "latent": 2, "rungs": 2},  # several rungs
    "vq_vae": {"network": "conv:4/2,4", "entries": 8, "latent": 2},  # nearest entries, convolutions
    "hvae": {"network": "mlp:8", "latent": 2, "steps": 1},  # steps that follow a slope
    "poincare_vae": {"network": "mlp:8", "latent": 2},  # float64, artanh
}


@pytest.fixture(scope="module", autouse=True)
def _library_once():
    """The exporter reads its library of operators anew each time, which takes a second."""
    registry = pytest.importorskip("torch.onnx._internal.exporter._registration").ONNXRegistry
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "from_torchlib", staticmethod(functools.cache(registry.from_torchlib)))
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A file of labelled pictures, in a folder whose name nobody else should learn."""
    digits = load("digits").train.take(slice(300))
    path = tmp_path_factory.mktemp("secret-place") / "own-digits.npz"
    np.savez(path, images=digits.pixels.numpy(), labels=digits.labels.numpy())
    return path


@pytest.fixture(scope="module")
def run(source, tmp_path_factory):
    return train("vae", source, out=tmp_path_factory.mktemp("export") / "run", **TINY)


@pytest.fixture(scope="module")
def exported(run):
    """Its numbers measured, and written as ONNX."""
    sums = run.checkpoints.load("0002").sha256, run.settings.facts["sha256"]
    group = Group({"PSNR": Number(12.345, "dB", 0.5)}, notes=("measured in a test",))
    Evaluation("0002", *sums, {"reconstruction": group}).save(run.path)
    return export(run, run.path.parent / "exported")


@pytest.fixture(scope="module")
def packed(run, exported):
    return export(run, run.path.parent / "packed.zip")


def session(data):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def of_file(path):
    return session(path.read_bytes())


@torch.no_grad()
def assert_alike(encoder, decoder, model, x, y=None):
    label = {} if y is None else {"label": y.numpy()}
    codes = encoder.run(None, {"pictures": x.numpy(), **label})
    wanted = model.encode(x, y)
    assert len(codes) == len(wanted)
    for got, want in zip(codes, wanted, strict=True):
        assert np.allclose(got, want.numpy(), rtol=1e-5, atol=1e-5)
    names = [output.name for output in encoder.get_outputs()]
    feed = dict(zip(names, (code.numpy() for code in wanted), strict=True)) | label
    assert np.allclose(decoder.run(None, feed)[0], model.decode(wanted, y).mean.numpy(), rtol=0, atol=1e-5)


def test_the_networks_are_the_models_on_any_batch(run, exported):
    encoder, decoder = of_file(exported / "encoder.onnx"), of_file(exported / "decoder.onnx")
    model, x = run.model(device="cpu"), to_float(run.dataset.test.pixels)
    for part in (x[:1], x[3:6], x):
        assert_alike(encoder, decoder, model, part)
    onnx.checker.check_model(onnx.load(exported / "encoder.onnx"), full_check=True)


def test_the_networks_say_what_they_are(run, exported):
    about = of_file(exported / "decoder.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(about["latent"]) == [3]
    assert json.loads(about["shape"]) == [1, 8, 8]
    assert json.loads(about["label_names"]) == [str(digit) for digit in range(10)]
    assert about["pixel_range"] == "[0, 1]"
    assert (about["recipe"], about["likelihood"], about["data"]) == ("vae", "bernoulli", "own-digits.npz")
    assert about["checkpoint_sha256"] == run.checkpoints.load(about["checkpoint"]).sha256
    weights = (exported / "model.safetensors").read_bytes()
    assert weights == (run.path / "checkpoints" / about["checkpoint"] / "model.safetensors").read_bytes()


def test_a_checkpoint_that_training_removes_meanwhile_is_exported(run, exported, tmp_path, monkeypatch):
    copy, draw = Run(shutil.copytree(run.path, tmp_path / "copy")), folder.networks

    def removed(*args):
        shutil.rmtree(copy.path / "checkpoints")
        return draw(*args)

    monkeypatch.setattr(folder, "networks", removed)
    out = export(copy, tmp_path / "out")
    for name in ("model.safetensors", "run.toml"):
        assert (out / name).read_bytes() == (exported / name).read_bytes()
    pictures = [Image.open(each / "pictures" / "reconstructions.png") for each in (out, exported)]
    assert np.array_equal(*map(np.asarray, pictures))


def test_nothing_exported_tells_of_this_machine(exported):
    for path in (path for path in exported.rglob("*") if path.is_file()):
        for secret in (b"secret-place", b"lunette/models", str(exported.parent).encode()):
            assert secret not in path.read_bytes(), path


def test_a_model_that_is_told_labels_is_told_them_there_too(tmp_path, monkeypatch):
    run = train("cvae", "digits", out="run", **TINY)
    folder = export(run, tmp_path / "exported")
    encoder, decoder = of_file(folder / "encoder.onnx"), of_file(folder / "decoder.onnx")
    test = run.dataset.test.take(slice(12))
    model = run.model(device="cpu")
    y = labels_for(model, test, run.settings.label_names)
    assert_alike(encoder, decoder, model, to_float(test.pixels), y)
    code = np.zeros((10, 3), np.float32)
    drawn = decoder.run(None, {"code": code, "label": np.arange(10)})[0]
    assert np.abs(drawn[1:] - drawn[0]).max((1, 2, 3)).min() > 1e-3
    namespace = run_card(folder, monkeypatch)
    assert namespace["drawn"].shape == (4, 1, 8, 8)
    assert "`label` (N), int64" in (folder / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_of_every_way_are_written(name):
    torch.manual_seed(0)
    model = build(name, (1, 8, 8), RECIPES[name], labels=10).model.eval()
    x = load("digits").test.pixels[:24] / 255
    found = {one.name: one for one in networks(model, x[:10], None, {})}
    encoder, decoder = session(found["encoder.onnx"].data), session(found["decoder.onnx"].data)
    assert max(one.difference for one in found.values()) <= 1e-5
    assert_alike(encoder, decoder, model, x[10:])


def test_a_model_without_operators_is_refused_by_name():
    model = build("rhvae", (1, 8, 8), {"network": "mlp:8", "latent": 2}).model
    with pytest.raises(LunetteError, match="invert matrices, for which ONNX has no operator"):
        next(networks(model, torch.zeros(10, 1, 8, 8), None, {}))


def test_differences_count_from_the_largest_code_on():
    wanted = np.array([[0.5, -4.0]])
    assert difference(wanted + 1e-3, wanted) == pytest.approx(1e-3 / 4)
    assert difference(wanted / 10 + 1e-3, wanted / 10) == pytest.approx(1e-3)
    assert difference(wanted[:, :1], wanted) == np.inf


@pytest.mark.parametrize("found", [2e-5, float("nan")])
def test_what_differs_from_torch_is_not_written(run, monkeypatch, tmp_path, found):
    monkeypatch.setattr(writing, "to_onnx", lambda *_: b"")
    monkeypatch.setattr(writing, "largest_difference", lambda *_: found)
    with pytest.raises(LunetteError, match="the encoder gives other numbers as ONNX"):
        export(run, "out")
    assert not list(tmp_path.iterdir())


def test_other_weights_are_found_out(run, exported):
    model, x = run.model(device="cpu"), to_float(run.dataset.test.pixels[:10])
    network = writing.Network("encoder", model, ["pictures"], ["code"], lambda given: model.encode(*given))
    data = (exported / "encoder.onnx").read_bytes()
    with torch.no_grad():
        assert writing.largest_difference(data, network, (x,)) < 1e-6
        model.encoder.network[-1].bias[0] += 1e-3
        assert writing.largest_difference(data, network, (x,)) == pytest.approx(1e-3, rel=0.01)


def test_what_is_missing_is_said(run, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(LunetteError, match=r'onnxruntime: pip install "lunette\[export\]"'):
        export(run, "out")
    assert not list(tmp_path.iterdir())


def run_card(folder, monkeypatch):
    """Run the card's code in its folder, block after block; return what it left."""
    namespace = {}
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        for code in re.findall(r"```python\n(.*?)```", (folder / "MODEL_CARD.md").read_text(), re.S):
            exec(code, namespace)
    return namespace


def test_the_cards_code_is_true(run, exported, monkeypatch):
    found = run_card(exported, monkeypatch)
    model, x = run.model(device="cpu"), to_float(torch.from_numpy(found["pixels"]))
    with torch.no_grad():
        assert np.allclose(found["drawn"], model.decode(model.encode(x)).mean.numpy(), atol=1e-5)
        assert np.allclose(found["new"], model.decode((torch.from_numpy(found["noise"]),)).mean.numpy(), atol=1e-5)
        assert model.encode(x)[0].equal(found["model"].encode(x)[0])


def test_the_card_tells_the_runs_numbers(run, exported):
    card = (exported / "MODEL_CARD.md").read_text()
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["library_name"] == "lunette"
    assert {"autoencoder", "variational-autoencoder", "onnx", "vae"} == set(header["tags"])
    test = run.metrics()[-1]
    assert f"| distortion | {test['distortion']:.2f} | nats an image |" in card
    assert "| PSNR | 12.35 | 0.5000 |" in card
    assert "measured in a test" in card
    seconds = sum(row["seconds"] for row in run.metrics() if row["split"] == "train")
    assert f"the run took {seconds:.1f} s of training" in card
    for words in ("# vae on own-digits.npz", "Kingma & Welling", run.settings.facts["sha256"], "no density of grey"):
        assert words in card
    for link in re.findall(r"\]\((.*?)\)", card):
        assert (exported / link).read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in (exported / "pictures").iterdir()} == {"reconstructions.png", "samples.png"}


def test_numbers_of_another_checkpoint_are_left_out(run, exported, monkeypatch):
    monkeypatch.setattr("lunette.uses.export.folder.networks", lambda *_: iter(()))
    card = (export(run, "first", checkpoint="0001") / "MODEL_CARD.md").read_text()
    assert "Nothing was measured of this checkpoint" in card
    assert "PSNR" not in card


def test_a_run_is_the_same_on_another_machine(run, packed):
    there = unpack(packed, "there")
    files = {path.relative_to(run.path) for path in run.path.rglob("*") if path.is_file() and path.name != ".lock"}
    assert {path.relative_to(there.path) for path in there.path.rglob("*") if path.is_file()} == files
    assert all((there.path / name).read_bytes() == (run.path / name).read_bytes() for name in files)
    assert np.array_equal(np.asarray(lunette.sample(there, 9)), np.asarray(lunette.sample(run, 9)))
    assert export(there, "again.zip").read_bytes() == packed.read_bytes()


def test_a_run_without_a_checkpoint_is_not_packed(run):
    shutil.copytree(run.path, "bare", ignore=shutil.ignore_patterns("checkpoints"))
    with pytest.raises(LunetteError, match="bare has no whole checkpoint: none was saved"):
        export("bare", "bare.zip")
    assert not Path("bare.zip").exists()


def test_arrays_travel_with_the_run_and_paths_do_not(source, run, packed, tmp_path, monkeypatch):
    with np.load(source) as arrays:
        own = train("vae", arrays["images"], out="own", **TINY)
    there = unpack(export(own, "own.zip"), "elsewhere/own")
    sheet = np.asarray(lunette.reconstruct(own, n=4))
    shutil.rmtree(own.path)
    assert np.array_equal(np.asarray(lunette.reconstruct(there, n=4)), sheet)
    other = unpack(packed, "other")
    settings = other.path / "run.toml"
    settings.write_text(settings.read_text().replace(str(source), "/no/such/place.npz"))
    with pytest.raises(LunetteError, match=r"trained on /no/such/place.npz, which is not on this machine"):
        lunette.reconstruct(other.path)
    own = np.full((2, 8, 8), 255, np.uint8)
    assert len(lunette.reconstruct(other.path, own)) == 4
    assert len(lunette.sample(other.path, 4)) == 4


def test_a_damaged_file_is_refused_and_leaves_nothing(packed, tmp_path):
    data = packed.read_bytes()
    with zipfile.ZipFile(packed) as archive:
        place = data.index(archive.read("metrics.jsonl")) + 5
    for name, content in {
        "flipped": data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :],
        "cut": data[: len(data) // 2],
        "shortened": data[:place] + data[place + 9 :],
        "empty": b"",
        "text": b"no archive",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(LunetteError, match="is damaged, or no ZIP file"):
            unpack(tmp_path / name, "out")
    assert {path.name for path in tmp_path.iterdir()} == {"flipped", "cut", "shortened", "empty", "text"}
    with pytest.raises(LunetteError, match="there is no file nowhere.zip"):
        unpack("nowhere.zip")


def archive_of(*members, compress=zipfile.ZIP_STORED):
    """A ZIP of members (name, content, mode), made by a stranger."""
    data = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(data, "w", compress) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, compress
            archive.writestr(info, content)
    return data.getvalue()


PLAIN = stat.S_IFREG | 0o644


@pytest.mark.parametrize(
    "member",
    [
        ("../evil", b"", PLAIN),
        ("/evil", b"", PLAIN),
        ("a/../../evil", b"", PLAIN),
        ("..\\evil", b"", PLAIN),
        ("C:evil", b"", PLAIN),
        ("link", b"/etc/passwd", stat.S_IFLNK | 0o777),
        ("folder/", b"", stat.S_IFDIR | 0o755),
        ("", b"", PLAIN),
        (".", b"", PLAIN),
        ("a//b", b"", PLAIN),
        ("./a", b"", PLAIN),
    ],
)
def test_nothing_is_written_elsewhere(packed, tmp_path, member):
    with zipfile.ZipFile(packed) as archive:
        settings = ("run.toml", archive.read("run.toml"), PLAIN)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "evil.zip").write_bytes(archive_of(settings, member))
    with pytest.raises(LunetteError, match="was not packed by lunette export: it holds"):
        unpack("in/evil.zip", "in/out")
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "evil.zip"]


def test_other_archives_are_refused(packed, tmp_path):
    with zipfile.ZipFile(packed) as archive:
        settings = ("run.toml", archive.read("run.toml"), PLAIN)
    for data, words in (
        (archive_of(("notes.txt", b"", PLAIN)), "holds no run.toml"),
        (archive_of(("run.toml", b"recipe = 1", PLAIN)), "holds no run that can be read"),
        (archive_of(settings, ("big", bytes(10**6), PLAIN), compress=zipfile.ZIP_DEFLATED), "was not packed by"),
        (archive_of(settings, settings), "files overlap"),
    ):
        (tmp_path / "foreign.zip").write_bytes(data)
        with pytest.raises(LunetteError, match=words):
            unpack("foreign.zip", "out")
    assert [path.name for path in tmp_path.iterdir()] == ["foreign.zip"]


def test_a_strangers_prior_names_no_file_outside(run, packed, tmp_path):
    there = unpack(packed, "there")
    prior = FittedPrior("gaussian", {}, "0002", "", (3,), (), 1, 1, 0, 0.0, {}, make_density("gaussian", 3, 0, {}))
    there.priors.save(prior)
    text = there.path / "priors" / "gaussian.toml"
    words = re.sub(r'tensors = ".*"', 'tensors = "../../precious"', text.read_text())
    text.write_text(re.sub(r"^sha256 = .*\n", "", words))
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(LunetteError, match="gaussian.toml cannot be read as a fitted prior .No such file"):
        there.priors.load("gaussian")
    there.priors.save(prior)
    assert (tmp_path / "precious").read_text() == "mine"


def test_what_cannot_be_taken_is_said(run, exported, packed):
    with pytest.raises(LunetteError, match="exists already"):
        export(run, exported)
    with pytest.raises(LunetteError, match="exists already"):
        export(run, packed)
    with pytest.raises(LunetteError, match="exists already"):
        unpack(packed, exported)
    with pytest.raises(LunetteError, match="gets every checkpoint"):
        export(run, "one.zip", checkpoint="best")
    with run.locked(), pytest.raises(LunetteError, match="another process is training"):
        export(Run(run.path), "busy.zip")


def test_from_the_command_line(run, tmp_path, capsys):
    assert main(["export", str(run.path), "-o", "mine.zip"]) == 0
    assert main(["unpack", "mine.zip"]) == 0
    assert capsys.readouterr().out.split() == [
        "mine.zip",
        "report",
        "runs/mine/report.html",
        "pictures",
        "runs/mine/pictures",
    ]
    assert Run("runs/mine").settings == run.settings
    assert main(["unpack", "mine.zip"]) == 2
    assert "runs/mine exists already" in capsys.readouterr().err
