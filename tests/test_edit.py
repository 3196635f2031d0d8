"""Editing: directions against their closed forms, what is kept of them in a run, and what they change."""

import math

import numpy as np
import platformdirs
import pytest
import torch
from PIL import Image
from torch import nn
from torch.distributions import Normal

import lunette
from lunette.codes import DiracHead
from lunette.compute.coding import decode, encode
from lunette.errors import LunetteError, LunetteWarning
from lunette.faces.cli import main
from lunette.images import Images, load
from lunette.likelihoods import PixelHead
from lunette.measures import classifier
from lunette.measures.classifier import Classifier
from lunette.measures.ink import measure, slant, thickness
from lunette.models import Autoencoder, Conditional
from lunette.runs import Run
from lunette.uses.change.concepts import direction, quarters
from lunette.uses.change.edit import edit_model
from lunette.uses.change.effects import concept_moved, identity
from lunette.uses.change.traversal import dimensions_of, steps_along
from lunette.uses.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on the digits with three concepts."""
    run = train("vae", "digits", out=tmp_path_factory.mktemp("edit") / "run", epochs=10, latent=5, pictures=0)
    lunette.add_concept(run, "slant", measure="slant", progress=False)
    lunette.add_concept(run, "eight", with_="label:8", without="label:3", progress=False)
    return run


@pytest.fixture(autouse=True)
def _a_quick_classifier(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda app: tmp_path / "cache" / app)
    monkeypatch.setattr(classifier, "STEPS", 5)


def bar(shear=0.0, height=16, width=3, side=28):
    """A vertical bar of ink, whose rows are moved so that it leans to the right by `shear` a row."""
    x = torch.zeros(1, 1, side, side)
    for row in range(4, 4 + height):
        left = 11 + shear * (4 + (height - 1) / 2 - row)
        whole = math.floor(left)
        x[0, 0, row, whole : whole + width] += 1 - (left - whole)
        x[0, 0, row, whole + 1 : whole + 1 + width] += left - whole
    return x


@pytest.mark.parametrize("shear", [0.0, 1.0, -0.5, 0.3])
def test_slant_is_the_shear(shear):
    x = bar(shear)
    assert slant(x).item() == pytest.approx(shear, abs=1e-5)
    assert slant(0.9 - 0.5 * x).item() == pytest.approx(shear, abs=1e-5)  # dark on light, and faint
    assert slant(x.roll((3, -2), (2, 3)).expand(2, 3, -1, -1)).tolist() == pytest.approx([shear] * 2, abs=1e-5)


@pytest.mark.parametrize(("height", "width"), [(16, 1), (16, 2), (20, 4), (3, 14)])
def test_thickness_of_a_bar(height, width):
    x = bar(height=height, width=width)
    # Where both differences are there at once, at one corner, the perimeter is √2 and not 2.
    quarter = (2 * (height + width) - (2 - math.sqrt(2))) / 4
    expected = quarter - math.sqrt(max(quarter**2 - height * width, 0))
    assert thickness(x).item() == pytest.approx(expected, rel=1e-5)
    assert expected == pytest.approx(min(height, width), rel=0.05)
    assert thickness(0.9 - 0.5 * x).item() == pytest.approx(expected, rel=1e-4)


def test_thickness_of_a_ring_and_of_a_slanted_line():
    down, across = torch.meshgrid(torch.arange(64.0) - 31.5, torch.arange(64.0) - 31.5, indexing="ij")
    for width in (2.0, 4.0):
        ring = (width / 2 + 0.5 - ((down.square() + across.square()).sqrt() - 20).abs()).clamp(0, 1)
        away = (math.cos(0.5) * across + math.sin(0.5) * down).abs()
        along = (math.sin(0.5) * across - math.cos(0.5) * down).abs()
        line = (width / 2 + 0.5 - away).clamp(0, 1) * (20.5 - along).clamp(0, 1)
        assert thickness(ring[None, None]).item() == pytest.approx(width, rel=0.1)
        assert thickness(line[None, None]).item() == pytest.approx(width, rel=0.1)


def test_measures_are_of_any_pixels():
    x = (torch.cat([bar(0.5), bar(), torch.zeros(1, 1, 28, 28)]) * 255).round().to(torch.uint8)
    assert measure("slant", x).tolist() == pytest.approx([0.5, 0, 0], abs=1e-3)
    assert measure("thickness", x)[2] == 0
    with pytest.raises(LunetteError, match="unknown measure 'slants'; did you mean 'slant'"):
        measure("slants", x)


class Flat(PixelHead):
    """N(features, 1), not bounded: a linear decoder."""

    def pixels(self, features):
        return Normal(features, 1.0)


@pytest.fixture
def linear():
    """An autoencoder x → A x → B z, of pictures of 2 × 3 and codes of 4 dimensions."""
    torch.manual_seed(0)
    encoder = Conditional(nn.Sequential(nn.Flatten(-3), nn.Linear(6, 4)), DiracHead(4))
    return Autoencoder(encoder, Conditional(nn.Linear(4, 6), Flat((1, 2, 3)))).eval()


def test_a_way_that_is_none_is_refused_by_name(run):
    with pytest.raises(LunetteError, match="unknown way to say a direction 'measured'; did you mean 'measure'"):
        lunette.edit(run, measured="slant", progress=False)


def test_moving_a_code_moves_a_linear_models_picture(linear):
    pixels = torch.randint(256, (7, 1, 2, 3), dtype=torch.uint8)
    v, strengths = torch.randn(4), [-1.0, 0.0, 0.5]
    strip = edit_model(linear, Images(pixels), (v,), strengths, n=5, effects={"mean": lambda x: float(x.mean())})
    at_0 = decode(linear, encode(linear, pixels))
    step = (linear.decoder.network.weight @ v).detach().numpy().reshape(1, 2, 3)
    assert strip.images.shape == (5, 3, 1, 2, 3)
    np.testing.assert_allclose(strip.originals, pixels[:5] / 255, atol=1e-7)
    for i, s in enumerate(strengths):
        np.testing.assert_allclose(strip.images[:, i], at_0[:5] + s * step, atol=1e-5)
    assert strip.changes["mean"] == pytest.approx([at_0.mean() + s * step.mean() for s in strengths], abs=1e-5)
    assert strip.measured == 7


def test_how_far_a_concept_moved_is_the_projection_of_the_codes(linear):
    x, other = torch.rand(2, 6, 1, 2, 3)
    v = torch.randn(4)
    moved = concept_moved(linear, encode(linear, x), (v,), None)
    steps = [(b - a) @ v / (v @ v) for a, b in zip(encode(linear, x)[0], encode(linear, other)[0], strict=True)]
    assert moved(other) == pytest.approx(sum(steps).item() / 6, rel=1e-4)


def test_within_labels_what_labels_differ_in_cancels():
    torch.manual_seed(1)
    of_label, of_concept = torch.randn(3, 5), torch.randn(5)
    labels, others = torch.tensor([0] * 8 + [1] * 2), torch.tensor([0] * 3 + [1] * 5 + [2] * 4)
    codes, other_codes = of_label[labels] + of_concept, of_label[others]

    def pictures(labels):
        return Images(torch.zeros(len(labels), 1, 1, 1, dtype=torch.uint8), labels, ("a", "b", "c"))

    sides = (
        ((codes[:, :2], codes[:, 2:]), pictures(labels)),
        ((other_codes[:, :2], other_codes[:, 2:]), pictures(others)),
    )
    vector, within = direction(*sides)
    assert within == ("a", "b")
    assert [len(rung) for rung in vector] == [2, 3]
    torch.testing.assert_close(torch.cat(vector), of_concept)
    # Without labels it is the difference of the means, and labels do not cancel.
    plain, within = direction(*((codes, Images(images.pixels)) for codes, images in sides))
    assert within == ()
    torch.testing.assert_close(torch.cat(plain), codes.mean(0) - other_codes.mean(0))
    with pytest.raises(LunetteError, match="nothing tells them apart"):
        direction(sides[0], sides[0])


def test_quarters_are_of_each_label():
    shears = torch.tensor([0.1 * i for i in range(8)] + [0.05 * i for i in range(12)])
    x = (torch.cat([bar(float(s)) for s in shears]) * 255).round().to(torch.uint8)
    most, least = quarters(Images(x, torch.tensor([0] * 8 + [1] * 12)), "slant")
    assert measure("slant", most.pixels).tolist() == pytest.approx([0.6, 0.7, 0.45, 0.5, 0.55], abs=1e-2)
    assert measure("slant", least.pixels).tolist() == pytest.approx([0, 0.1, 0, 0.05, 0.1], abs=1e-2)
    assert most.labels.tolist() == least.labels.tolist() == [0, 0, 1, 1, 1]
    with pytest.raises(LunetteError, match="3 training pictures are too few"):
        quarters(Images(x[:3]), "slant")


def test_a_concept_comes_back_from_the_run(run):
    train_set, model = run.dataset.train, run.model(device="cpu")
    z = encode(model, train_set.pixels)[0]
    expected = z[train_set.labels == 8].mean(0) - z[train_set.labels == 3].mean(0)
    (eight, slanted) = lunette.concepts(run.path)
    assert (eight.name, eight.how, eight.labels) == ("eight", {"with": "label:8", "without": "label:3"}, ())
    assert eight.pictures == tuple(int((train_set.labels == label).sum()) for label in (8, 3))
    torch.testing.assert_close(eight.vector[0], expected)
    assert slanted.labels == tuple("0123456789")
    assert 'measure = "slant"' in (run.path / "concepts" / "slant.toml").read_text()
    again = lunette.add_concept(run, "eight", with_="label:8", without="label:3", progress=False)
    assert again.vector[0].equal(eight.vector[0])
    assert len(list((run.path / "concepts").iterdir())) == 4  # the old one is replaced, and leaves nothing


def test_concepts_add_up(run):
    v, w = (concept.vector[0] for concept in lunette.concepts(run))
    strip = lunette.edit(run, concept=["eight", "slant:-0.5"], n=4, strength=2, steps=5, effects=False, progress=False)
    model = run.model(device="cpu")
    z = encode(model, run.dataset.test.pixels[:4])[0]
    for i, s in enumerate(strip.strengths):
        np.testing.assert_allclose(strip.images[:, i], decode(model, (z + s * (v - 0.5 * w),)), atol=1e-5)
    assert strip.strengths == (-2, -1, 0, 1, 2)
    assert strip.changes == {}


def test_a_concept_of_another_checkpoint_is_refused(run, tmp_path):
    other = train("vae", "digits", out=tmp_path / "run", epochs=2, latent=5, pictures=0)
    first, last = other.checkpoints.names()
    lunette.add_concept(other, "slant", measure="slant", checkpoint=first, progress=False)
    assert lunette.edit(other, concept="slant", checkpoint=first, effects=False, progress=False).images.shape[1] == 7
    words = f"of checkpoint {first}, not of {last}: make it anew with .* slant --measure slant --checkpoint {last}"
    with pytest.raises(LunetteError, match=words):
        lunette.edit(other, concept="slant", progress=False)
    text = other.path / "concepts" / "slant.toml"
    whole = text.read_text()
    for damaged in (f"news = 1\n{whole}", whole.replace("rungs = [", "rungs = 3 # [").replace("    5,\n]", "", 1)):
        text.write_text(damaged)
        with pytest.raises(LunetteError, match="slant.toml cannot be read as a concept .* make it anew"):
            lunette.concepts(other)
    text.write_text(whole)
    (tensors,) = (other.path / "concepts").glob("*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"x")
    with pytest.raises(LunetteError, match="slant.toml cannot be read as a concept .* make it anew"):
        lunette.concepts(other)


def test_dimensions_are_in_the_order_of_their_rates(run):
    model, images = run.model(device="cpu"), run.dataset.train
    found = dimensions_of(model, images)
    with torch.inference_mode():
        q = model.encoder(images.pixels / 255).base_dist
    kl = (q.loc.square() + q.scale.square() - 1).div(2) - q.scale.log()
    by_hand = kl.mean(0)
    assert [d.index for d in found] == by_hand.argsort(descending=True).tolist()
    assert [d.rate for d in found] == pytest.approx(by_hand.sort(descending=True).values.tolist(), rel=1e-4)
    steps = steps_along(model, images, [1, 0])
    for (step,), d in zip(steps.values(), (found[1], found[0]), strict=True):
        expected = torch.zeros(5).index_fill(0, torch.tensor(d.index), q.loc[:, d.index].std(correction=0))
        torch.testing.assert_close(step, expected)


def test_traversals_have_a_row_a_dimension(run):
    strip = lunette.edit(run, dimension=(), progress=False)
    assert strip.images.shape[:2] == (5, 7)
    assert np.ptp(strip.originals, axis=0).max() == 0
    one = lunette.edit(run, dimension=3, n=4, effects=False, progress=False)
    assert one.images.shape[:2] == (4, 7)
    np.testing.assert_allclose(strip.images[3], one.images[0], atol=1e-5)
    assert strip.along[3] == one.along[0]
    assert one.along[0].startswith("3: dimension ")


def test_codes_without_rates_or_with_several_rungs_are_edited_too(tmp_path):
    how = {"epochs": 1, "pictures": 0, "validation": 0.8}
    plain = train("autoencoder", "digits", out=tmp_path / "plain", latent=3, **how)
    found = dimensions_of(plain.model(device="cpu"), plain.dataset.train)
    assert [d.rate for d in found] == [None] * 3
    assert [d.deviation for d in found] == sorted((d.deviation for d in found), reverse=True)
    ladder = train("ladder", "digits", out=tmp_path / "ladder", **how)
    model, test = ladder.model(device="cpu"), ladder.dataset.test
    z = encode(model, test.pixels[:2])
    found = dimensions_of(model, ladder.dataset.train)
    assert {(d.rung, d.index) for d in found} == {(r, i) for r, rung in enumerate(z) for i in range(rung.shape[1])}
    concept = lunette.add_concept(ladder, "eight", with_="label:8", without="label:3", progress=False)
    assert concept.rungs == tuple(rung.shape[1] for rung in z)
    strip = lunette.edit(ladder, concept="eight", n=2, strength=1, steps=3, effects=False, progress=False)
    moved = tuple(rung + v for rung, v in zip(z, concept.vector, strict=True))
    np.testing.assert_allclose(strip.images[:, 2], decode(model, moved), atol=1e-5)


def test_identity_is_the_share_of_pictures_that_keep_their_class():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Linear(8, 3)).eval()
    images, x = Images(torch.randint(256, (40, 1, 4, 4), dtype=torch.uint8)), torch.rand(40, 1, 4, 4)
    pairs = list(zip(images.pixels / 255, x, strict=True))
    kept = sum(int(network(a[None]).argmax() == network(b[None]).argmax()) for a, b in pairs)
    found = identity(Classifier(network, 1.0, True, ""), images)
    assert 5 < kept < 35
    assert found["same class"](x) == pytest.approx(kept / 40)
    assert found["same class"](images.pixels / 255) == 1
    features = network[:2]
    cosines = [torch.cosine_similarity(features(a[None]), features(b[None])).item() for a, b in pairs]
    assert identity(Classifier(network, 1.0, False, ""), images)["likeness"](x) == pytest.approx(np.mean(cosines))


def test_what_else_changes_is_measured(run):
    strip = lunette.edit(run, with_="label:8", without="label:3", n=2, strength=1, steps=3, progress=False)
    threes = run.dataset.test.take(run.dataset.test.labels == 3)
    assert strip.measured == len(threes)
    np.testing.assert_allclose(strip.originals, threes.pixels[:2] / 255, atol=1e-7)
    assert list(strip.changes) == ["same class", "named 8", "slant", "thickness", "along eight", "along slant"]
    model = run.model(device="cpu")
    z, v = encode(model, threes.pixels)[0], lunette.concepts(run)[0].vector[0]
    for i, s in enumerate((-1, 0, 1)):
        x = torch.from_numpy(decode(model, (z + s * v,)))
        assert strip.changes["slant"][i] == pytest.approx(measure("slant", x).mean().item(), abs=1e-4)
    assert np.diff(strip.changes["along eight"]).min() > 0.3  # 1 if the codes came back as they were moved


def test_a_model_told_labels_draws_one_as_another(tmp_path):
    run = train("cvae", "digits", out=tmp_path / "run", epochs=1, latent=3, pictures=0)
    strip = lunette.edit(run, with_="label:8", without="label:3", n=3, effects=False, progress=False)
    model, test = run.model(device="cpu"), run.dataset.test
    threes = test.pixels[test.labels == 3][:3]
    y = torch.full((3,), 3)
    z = encode(model, threes, y)
    np.testing.assert_allclose(strip.images[:, 0], decode(model, z, y), atol=1e-5)
    np.testing.assert_allclose(strip.images[:, 1], decode(model, z, y + 5), atol=1e-5)
    assert strip.strengths == (0, 1)
    assert lunette.edit(run, dimension=0, n=3, effects=False, progress=False).images.shape[:2] == (3, 7)
    lunette.add_concept(run, "slant", measure="slant", progress=False)
    with pytest.raises(LunetteError, match="no direction of them is a label"):
        lunette.add_concept(run, "eight", with_="label:8", without="label:3", progress=False)


def test_of_pictures_drawn_with_another_label_the_codes_are_not_compared(tmp_path):
    run = train("cvae", "digits", out=tmp_path / "run", epochs=1, latent=3, pictures=0)
    lunette.add_concept(run, "slant", measure="slant", progress=False)
    redrawn = lunette.edit(run, with_="label:8", without="label:3", n=3, progress=False)
    assert list(redrawn.changes) == ["same class", "named 8", "slant", "thickness"]
    moved = lunette.edit(run, concept="slant", n=3, steps=3, progress=False)
    assert "along slant" in moved.changes


def test_without_the_runs_data_one_can_edit_and_not_measure(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    np.save(tmp_path / "data.npy", pixels)
    run = train("vae", tmp_path / "data.npy", out=tmp_path / "run", epochs=1, latent=2, pictures=0)
    lunette.add_concept(run, "slant", measure="slant", progress=False)
    (tmp_path / "data.npy").unlink()
    with pytest.warns(LunetteWarning, match="what else the edit changes is not measured"):
        edited = lunette.edit(Run(run.path), pixels[:3], concept="slant", progress=False)
    alone = lunette.edit(Run(run.path), pixels[:3], concept="slant", effects=False, progress=False)
    assert alone.images.shape[:2] == (3, 7)
    np.testing.assert_array_equal(edited.images, alone.images)


def folder_of(images, path):
    """Write pictures as files into `path`."""
    path.mkdir()
    for i, pixels in enumerate(images.pixels):
        Image.fromarray(pixels[0].numpy()).save(path / f"{i:03d}.png")
    return path


def test_from_the_command_line(run, tmp_path, capsys):
    test = run.dataset.test
    folders = tmp_path / "[/bold]8", tmp_path / "3"  # a name that would be markup
    (tmp_path / "[").mkdir()
    sides = [
        folder_of(test.take(test.labels == label).take(slice(9)), folder)
        for label, folder in zip((8, 3), folders, strict=True)
    ]
    own = ["--with", str(sides[0]), "--without", str(sides[1])]
    assert main(["concept", "add", str(run.path), "drawn", *own]) == 0
    assert main(["concept", "list", str(run.path)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "pictures 9 with it, 9 without" in out
    assert f"lunette edit {run.path} --concept drawn" in out
    z = [encode(run.model(device="cpu"), test.pixels[test.labels == label][:9])[0].mean(0) for label in (8, 3)]
    torch.testing.assert_close(run.concepts.load("drawn").vector[0], z[0] - z[1])
    both = ["--concept", "eight", "--concept", "drawn:0.5"]
    assert main(["edit", str(run.path), *both, "--n", "2", "-o", "walk.gif", "--npz", "walk.npz"]) == 0
    out = capsys.readouterr().out
    assert "same class" in out
    assert out.split()[-2:] == ["walk.gif", "walk.npz"]
    with Image.open("walk.gif") as animation:
        assert animation.n_frames == 12
    with np.load("walk.npz") as arrays:
        assert arrays["images"].shape == (2, 7, 1, 8, 8)
        assert arrays["slant"].shape == (7,)
    assert main(["edit", str(run.path), "--from", "label:3", "--to", "label:8", "--no-effects"]) == 0
    assert (run.path / "pictures" / "edit.png").is_file()
    assert main(["edit", str(run.path), "--dimension"]) == 0
    assert "row 5 4: dimension" in " ".join(capsys.readouterr().out.split())
    assert main(["edit", str(run.path), "--concept", "slnat"]) == 2
    assert "did you mean 'slant'?" in capsys.readouterr().err
    for path in (run.path / "concepts").glob("drawn*"):
        path.unlink()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({}, "say in one way what to change"),
        ({"concept": "slant", "dimension": 0}, "say in one way"),
        ({"with_": "label:3"}, "say one of these"),
        ({"with_": "label:3", "without": "label:33"}, "unknown label '33'; did you mean '3'"),
        ({"with_": "nowhere", "without": "label:3"}, "no path 'nowhere'"),
        ({"with_": "empty", "without": "label:3"}, "no picture"),
        ({"measure": "weight"}, "unknown measure 'weight'"),
        ({"concept": "slant:much"}, r"a number, as in slant:-0.5, not 'much'"),
        ({"dimension": 5}, "has dimensions 0 to 4"),
        ({"dimension": 0, "steps": 4}, "odd number of steps"),
        ({"dimension": 0, "n": 0}, "1 picture or more"),
    ],
)
def test_mistakes_are_told(run, tmp_path, how, words):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LunetteError, match=words):
        lunette.edit(run, progress=False, **how)


def test_pictures_without_labels_and_names_that_are_none_are_told(run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    unlabelled = train("vae", pixels, out=tmp_path / "run", epochs=1, latent=2, pictures=0)
    with pytest.raises(LunetteError, match="have no labels, so none is '3'"):
        lunette.edit(unlabelled, with_="label:3", without="label:8", progress=False)
    with pytest.raises(LunetteError, match="has no concept 'smile', nor any other: make one"):
        lunette.edit(unlabelled, concept="smile", progress=False)
    assert lunette.add_concept(unlabelled, "slant", measure="slant", progress=False).labels == ()
    assert "likeness" in lunette.edit(unlabelled, concept="slant", n=2, progress=False).changes
    for name in ("", "a:b", "../a", ".hidden"):
        with pytest.raises(LunetteError, match="cannot be called"):
            lunette.add_concept(run, name, measure="slant", progress=False)
    assert Run(run.path).concepts.names() == ["eight", "slant"]


def test_on_mnist_what_is_measured_moves_and_the_digit_stays(mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "STEPS", 250)
    real = load(mnist).train.take(slice(12_000))
    run = train("vae", real, out=tmp_path / "run", preset="fast", epochs=8, pictures=0)
    spread = {name: measure(name, run.dataset.test.pixels[:500]).std() for name in ("slant", "thickness")}
    for name in spread:
        strip = lunette.edit(run, measure=name, strength=0.5, steps=5, progress=False)
        values = strip.changes[name]
        assert strip.measured == 500
        assert np.diff(values).min() > 0
        assert values[-1] - values[0] > spread[name]  # from half a step this way to half a step that way
        assert min(strip.changes["same class"]) >= 0.9
