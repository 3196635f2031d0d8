"""Values of other libraries: pictures in memory, and numbers as settings."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import lunette
from lunette.errors import LunetteError
from lunette.images import DataSettings, Images, load, read
from lunette.uses.train import sort_settings

GREY = np.random.default_rng(0).integers(0, 256, (12, 7, 6), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (12, 7, 6, 3), dtype=np.uint8)


class Foreign:
    """What a data frame, a column or another library's tensor have in common."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def objects(items):
    """Items as a column of objects."""
    column = np.empty(len(items), object)
    column[:] = items
    return column


@pytest.mark.parametrize(
    "source",
    [
        torch.from_numpy(GREY).float().div(255).requires_grad_(),
        torch.from_numpy(GREY).to(torch.int16),
        torch.from_numpy(GREY).transpose(1, 2).contiguous().transpose(1, 2),
        Foreign(GREY),
        list(GREY),
        tuple(GREY),
        GREY.tolist(),
        [torch.from_numpy(image) for image in GREY],
        Foreign(objects(list(GREY))),
        objects([Foreign(image) for image in GREY]),
        [Image.fromarray(image) for image in GREY],
        objects([Image.fromarray(image) for image in GREY]),
        Images(GREY[:, None]),
    ],
    ids=range(13),
)
def test_pictures_of_any_library(source):
    assert np.array_equal(read(source)[0].pixels[:, 0].numpy(), GREY)


def test_brain_floats_are_rounded_to_their_own_precision():
    images = read(torch.from_numpy(GREY).bfloat16() / 255)[0]
    assert np.abs(images.pixels[:, 0].numpy() - GREY.astype(float)).max() <= 1


def test_pictures_of_pillow_alone_and_in_lists(tmp_path):
    assert np.array_equal(read(Image.fromarray(RGB[0]))[0].pixels.numpy(), RGB[:1].transpose(0, 3, 1, 2))
    mixed = [Image.fromarray(GREY[0]), Image.fromarray(RGB[1])]
    pixels = read(mixed)[0].pixels.numpy()
    assert np.array_equal(pixels[0], np.stack([GREY[0]] * 3))
    assert np.array_equal(pixels[1], RGB[1].transpose(2, 0, 1))
    for i, picture in enumerate(mixed):
        picture.save(tmp_path / f"{i}.png")
    assert np.array_equal(read([tmp_path / "0.png", str(tmp_path / "1.png")])[0].pixels.numpy(), pixels)
    other = Image.fromarray(RGB[0, :4])
    with pytest.raises(LunetteError, match="6×7 and .* is 6×4"):
        read([*mixed, other])
    assert read([*mixed, other], DataSettings(size=5))[0].pixels.shape == (3, 3, 5, 5)
    twelve = [Image.fromarray(image) for image in np.linspace(0, 4095, 120).reshape(5, 4, 6).astype(np.uint16)]
    with pytest.warns(lunette.LunetteWarning, match="4095 is taken for white"):
        assert read(twelve)[0].pixels.max() == 255


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ([], "no pictures"),
        ([GREY[0], GREY[0, :3]], r"it has \(7, 6\) and \(3, 6\)"),
        ([Image.new("L", (3, 3)), GREY[0]], "not from a Image|cannot take|shape"),
        (["none.png"], r"cannot read none\.png as a picture"),
        ({"a": GREY}, "not from a dict"),
        (3, r"the shape \(\)"),
        (object(), "not from a object"),
        (np.float64(3), r"the shape \(\)"),
        (iter(GREY), "not from a "),
        (torch.zeros(3, 4, 4, dtype=torch.complex64), "pixels are numbers"),
        ([["a", "b"]], "pixels are numbers"),
        ([[1], [1, 2]], "shape"),
    ],
    ids=range(12),
)
def test_what_is_no_picture_is_refused(source, words):
    with pytest.raises(LunetteError, match=words) as error:
        load(source)
    assert "\n" not in str(error.value)


def test_labels_of_images_may_be_any_librarys():
    images = Images(GREY[:, None], Foreign(np.arange(12) % 2), ("cat", "dog"))
    assert images.labels.tolist() == [0, 1] * 6
    assert Images(GREY[:, None], [0, 1] * 6).label_names == ("0", "1")


NUMBERS = [np.int64, np.uint8, torch.tensor, np.array, lambda n: np.array(n, dtype=np.float32).astype(np.int32)]


@pytest.mark.parametrize("number", NUMBERS)
def test_settings_may_be_numbers_of_any_library(number):
    given, how, loading = sort_settings(
        "vae",
        {"epochs": number(2), "seed": number(3), "latent": number(4), "size": number(9), "beta": np.float32(0.5)},
    )
    assert given == {"latent": 4, "beta": 0.5}
    assert (how.epochs, how.seed, loading.size) == (2, 3, 9)
    assert {type(value) for value in (*given.values(), how.epochs, how.seed, loading.size)} <= {int, float}
    assert sort_settings("vae", {"range": [number(0), number(16)]})[2].range == "0,16"


def test_a_run_is_the_same_with_numbers_of_any_library():
    settings = {"network": "mlp:8", "pictures": 0, "progress": False}
    runs = [
        lunette.train("vae", GREY, epochs=kind(1), seed=kind(7), latent=kind(2), **settings)
        for kind in (int, np.int64, torch.tensor)
    ]
    rows = [[{**row, "seconds": 0} for row in run.metrics()] for run in runs]
    assert rows[0] == rows[1] == rows[2]
    drawn = [lunette.sample(runs[0], kind(4), seed=kind(5)).images for kind in (int, np.int64, torch.tensor)]
    assert np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(drawn[0], drawn[2])
    again = lunette.resume(runs[1], epochs=np.int64(2), progress=False)
    assert again.settings.training.epochs == 2
    assert json.dumps(again.metrics())
    shown = lunette.reconstruct(runs[0], [Image.fromarray(image) for image in GREY[:4]], n=np.int64(2))
    assert shown.images.shape[0] == 4
