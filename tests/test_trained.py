"""A trained model in one's hands: it encodes pictures once, reads its run's when asked, and checks what it decodes."""

import gc
import pickle
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

import lunette
from lunette.compute.coding import encode
from lunette.errors import LunetteError
from lunette.images import Images, pack_images
from lunette.images.packs import index as index_of_packs
from lunette.images.packs import packed
from lunette.images.packs.index import PackIndex, describe, read_index
from lunette.runs import Run, open_run, trained
from lunette.uses.evaluate import evaluate
from lunette.uses.train import train

HOW = {"epochs": 1, "network": "mlp:16", "pictures": 0}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    made = {
        "vae": train("vae", out=folder / "vae", latent=3, **HOW),
        "cvae": train("cvae", out=folder / "cvae", latent=3, **HOW),
        "ladder": train("ladder", out=folder / "ladder", latent=2, rungs=2, **{**HOW, "network": "mlp:16,8"}),
    }
    return {name: run.path for name, run in made.items()}


@pytest.fixture
def encoded(monkeypatch):
    """The pixels that were encoded, in order."""
    seen = []
    monkeypatch.setattr(
        trained, "encode", lambda model, pixels, y=None: (seen.append(pixels), encode(model, pixels, y))[1]
    )
    return seen


def test_codes_are_kept_as_long_as_their_pictures(runs, encoded):
    mine = Run(runs["vae"]).trained()
    test = mine.pictures()
    first = mine.encode(test)
    assert mine.encode(test)[0] is first[0]
    torch.testing.assert_close(first[0], mine.model.encode(test.pixels / 255)[0])
    own = test.take(slice(5))
    for _ in range(3):
        mine.encode(own)
    assert len(encoded) == 2
    kept = len(mine._codes)
    del own
    encoded.clear()
    gc.collect()
    assert len(mine._codes) == kept - 1


def test_codes_are_of_the_labels_and_the_pixels_that_are_there_now(runs):
    run = lunette.open(runs["cvae"])
    x, names = torch.rand(4, 1, 8, 8).mul(255).to(torch.uint8), run.settings.label_names
    zeros, sevens = (Images(x, torch.full((4,), y), names) for y in (0, 7))
    assert not run.encode(zeros).equal(run.encode(sevens))
    torch.testing.assert_close(run.encode(sevens), run.encode(Images(x.clone(), torch.full((4,), 7), names)))
    before = run.encode(zeros)
    x.zero_()
    assert not run.encode(zeros).equal(before)


def test_a_verb_by_itself_keeps_nothing(runs):
    gc.collect()
    gc.disable()
    try:
        held = weakref.ref(open_run(runs["vae"]).trained())
        assert held() is None or not held().run.keeps
        opened = open_run(runs["vae"])
        assert opened.trained() is not opened.trained()
        assert lunette.open(runs["vae"]).keeps
    finally:
        gc.enable()


def test_what_is_trained_can_be_pickled(runs):
    mine = Run(runs["vae"]).trained()
    codes = mine.encode(mine.pictures())
    again = pickle.loads(pickle.dumps(mine))
    assert again.encode(again.pictures())[0].equal(codes[0])
    codes[0].add_(0)  # an ordinary tensor


def test_labels_make_codes_of_their_own(runs, encoded):
    mine = Run(runs["cvae"]).trained()
    test = mine.pictures()
    as_they_are, as_three = mine.encode(test), mine.encode(test, "3")
    threes = test.labels == 3
    torch.testing.assert_close(as_they_are[0][threes], as_three[0][threes])
    assert not as_they_are[0].equal(as_three[0])
    mine.encode(test, "3")
    assert len(encoded) == 2


@pytest.mark.parametrize("name", ["vae", "ladder"])
def test_evaluation_encodes_each_split_once(runs, encoded, name):
    evaluate(Run(runs[name]), samples=2)
    assert len(encoded) == len({id(pixels) for pixels in encoded}) == 2  # test pictures, and training pictures
    test = Run(runs[name]).dataset.test
    assert sorted(map(len, encoded)) == sorted([len(test), len(Run(runs[name]).dataset.train)])


def test_a_run_keeps_the_checkpoint_that_was_asked_for_last(runs):
    run = Run(runs["vae"])
    assert run.trained() is run.trained()
    assert run.trained() is run.trained(run.trained().name)
    assert run.model() is not run.trained().model  # that is the caller's own, to change
    other = run.trained("0001")
    assert other is not run.trained()


def test_encode_and_decode_are_each_others_shapes(runs):
    for name, D in (("vae", 3), ("ladder", 4)):
        run = lunette.open(runs[name])
        z = run.encode()
        assert z.shape == (len(run.dataset.test), D)
        images = run.decode(z[:5])
        assert images.shape == (5, 1, 8, 8)
        np.testing.assert_array_equal(images, run.decode(z[:5].split(run.trained().rungs, dim=1)))
        own = run.encode(run.dataset.test.pixels[:5])
        torch.testing.assert_close(own, z[:5])
    top = run.decode([z[:5, :2]])  # the rung that is left out is at its prior mean
    np.testing.assert_allclose(top, run.model().decode((z[:5, :2],)).mean.detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "z", "words"),
    [
        ("vae", torch.zeros(5, 4), r"the shape \(N, 3\), not \[\(5, 4\)\]"),
        ("vae", np.zeros((5, 4)), r"the shape \(N, 3\), not \[\(5, 4\)\]"),
        ("ladder", [torch.tensor(1.0), torch.zeros(4, 2)], r"the shape \(N, 2\) and"),
        ("vae", torch.zeros(3), r"the shape \(N, 3\)"),
        ("vae", torch.zeros(2, 5, 3), r"the shape \(N, 3\)"),
        ("vae", torch.full((1, 3), torch.nan), "not finite"),
        ("vae", [torch.zeros(5, 3), torch.zeros(5, 3)], r"the shape \(N, 3\)"),
        ("vae", [], r"the shape \(N, 3\)"),
        ("ladder", [torch.zeros(5, 2), torch.zeros(4, 2)], r"the shape \(N, 2\) and \(N, 2\)"),
        ("ladder", torch.zeros(5, 3), r"the shape \(N, 2\) and \(N, 2\)"),
        ("cvae", torch.zeros(5, 3), "by their labels"),
    ],
)
def test_codes_that_cannot_be_decoded_are_refused(runs, name, z, words):
    with pytest.raises(LunetteError, match=words):
        lunette.open(runs[name]).decode(z)


def test_a_conditional_model_decodes_a_label(runs):
    run = lunette.open(runs["cvae"])
    z = torch.zeros(2, 3)
    drawn = run.decode(z, label="7")
    expected = run.model().decode((z,), torch.full((2,), 7)).mean.detach().numpy()
    np.testing.assert_allclose(drawn, expected, rtol=1e-5)
    with pytest.raises(LunetteError, match="unknown label"):
        run.decode(z, label="seven")


@pytest.fixture
def million(tmp_path, monkeypatch):
    """A run of a pack of a million pictures, which is one shard a thousand times, and what is read of it."""
    shapes = np.random.default_rng(0).integers(0, 256, (1000, 8, 8)).astype(np.uint8)
    run = train("vae", shapes, out=tmp_path / "run", latent=3, **HOW)
    folder = tmp_path / "pack"
    folder.mkdir()
    pack_images(folder, {"train": Images(torch.from_numpy(shapes)[:, None])})
    index = read_index(folder)
    labels = folder / "labels.npy"
    np.save(labels, np.arange(1_000_000) % 2)
    part = replace(
        index.parts["train"],
        shards=index.parts["train"].shards * 1000,
        labels=describe(labels),
        label_names=("even", "odd"),
    )
    (folder / "pack.json").write_bytes(PackIndex(index.kind, index.shape, index.fit, {"train": part}).to_json())
    data = lunette.load(folder, check=False)
    run.replace_settings(replace(run.settings, source=str(folder), facts=data.facts))
    read = {"pictures": 0, "hashed": []}
    gather, sha256_of = packed.Shards.gather, index_of_packs.sha256_of

    def hashed(path):
        read["hashed"].append(path.name)
        return sha256_of(path)

    def counted(shards, positions):
        read["pictures"] += len(positions)
        return gather(shards, positions)

    monkeypatch.setattr(packed.Shards, "gather", counted)
    monkeypatch.setattr(index_of_packs, "sha256_of", hashed)
    return run.path, read


def test_eight_pictures_of_a_million_are_used_without_reading_the_others(million):
    path, read = million
    run = lunette.open(path)
    run.reconstruct(n=8, progress=False)
    assert len(run.dataset.train) > 900_000
    assert read["pictures"] <= 8
    assert set(read["hashed"]) == {"labels.npy"}  # no file of pictures
    run.edit(dimension=0, n=8, effects=False, progress=False)
    assert read["pictures"] <= 3 * 8 + 2 * 5_000  # and those that the order of dimensions is by
    before = read["pictures"]
    run.interpolate(["0", "1"], steps=3, progress=False)
    run.sample(4, progress=False)
    assert read["pictures"] == before + 2
