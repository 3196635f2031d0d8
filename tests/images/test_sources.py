"""Digits, arrays, archives; splits; what is refused."""

import gzip
import io
import struct
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from lunette.errors import LunetteError, LunetteWarning
from lunette.images import SET_NAMES, DataSettings, Images, load, read, read_pictures, to_archive
from lunette.uses.given import sort_settings

STREAM = np.random.default_rng(0)
BYTES = STREAM.integers(0, 256, (40, 6, 5), dtype=np.uint8)


def numbered(n):
    """Images whose only pixel and factor are their number."""
    number = torch.arange(n)
    return Images(number.to(torch.uint8).reshape(n, 1, 1, 1), number, (), {"number": number.float()})


def test_digits_are_scaled_to_bytes():
    images = read("digits").train
    assert images.pixels.shape == (1797, 1, 8, 8)
    v = load_digits().images
    assert np.array_equal(images.pixels[:, 0].numpy(), np.floor(v * 255 / 16 + 0.5))
    assert images.pixels.max() == 255
    assert torch.bincount(images.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize(
    "pixels",
    [
        BYTES,
        BYTES[:, None],
        BYTES[..., None],
        BYTES.astype(np.int64),
        BYTES / 255,
        torch.from_numpy(BYTES[:, None]),
        torch.from_numpy(BYTES / 255).float().requires_grad_(),
    ],
)
def test_layouts_and_types_of_arrays_agree(pixels):
    images = read(pixels).train
    assert images.pixels.dtype == torch.uint8
    assert np.array_equal(images.pixels.numpy(), BYTES[:, None])


def test_colour_arrays_become_channels_first():
    rgb = STREAM.integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
    assert np.array_equal(read(rgb).train.pixels.numpy(), rgb.transpose(0, 3, 1, 2))
    assert np.array_equal(read(rgb.transpose(0, 3, 1, 2)).train.pixels.numpy(), rgb.transpose(0, 3, 1, 2))


def test_booleans_are_black_and_white():
    assert read(np.array([[[True, False]]] * 3)).train.pixels[0, 0].tolist() == [[255, 0]]


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.where(np.arange(12).reshape(3, 2, 2) == 5, np.nan, 0.5), "NaN in 1 pictures"),
        (np.full((3, 2, 2), -0.1), r"-0\.1"),
        (np.full((3, 2, 2), np.inf), "inf"),
        (np.full((3, 2, 2), -0.3), "such as --range=-0.5,0.5"),
        (np.full((3, 2, 2), -1), "such as --range=-1,1"),
        (np.full((3, 2, 2), -100), "such as --range=-128,127"),
        (np.full((3, 2, 2), -1000), "such as --range=-1024,3071"),
        (np.full((3, 2, 2), 2**16), "such as --range=65536,65536"),
        (np.zeros((3, 4)), "one picture as x"),
        (np.zeros((3, 2, 4, 5)), "1 or 3 channels"),
        (np.zeros((0, 4, 4)), "shape"),
        (np.full((3, 2, 2), "a"), "pixels are numbers"),
        (np.full((3, 2, 2), None), "pixels are numbers"),
        (np.zeros((2, 4, 4)), "2 pictures"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused_in_a_line(pixels, message):
    with pytest.raises(LunetteError, match=message) as error:
        load(pixels)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("x_train", "y_train")])
def test_archives(tmp_path, names):
    np.savez(tmp_path / "a.npz", **dict(zip(names, (BYTES, np.arange(40) % 3 + 5), strict=True)))
    images = read(tmp_path / "a.npz").train
    assert np.array_equal(images.pixels[:, 0].numpy(), BYTES)
    assert images.label_names == ("5", "6", "7")
    assert images.labels.tolist() == [i % 3 for i in range(40)]
    np.save(tmp_path / "a.npy", BYTES)
    assert np.array_equal(read(tmp_path / "a.npy").train.pixels[:, 0].numpy(), BYTES)


@pytest.mark.parametrize(("names", "called"), [({}, ("5", "6", "7")), ({"label_names": list("abcdefgh")}, "abcdefgh")])
def test_a_label_has_the_same_number_in_training_and_test(tmp_path, names, called):
    given = {"x_train": BYTES, "y_train": np.arange(40) % 3 + 5, "x_test": BYTES[:4], "y_test": np.array([5, 7, 7, 5])}
    np.savez(tmp_path / "a.npz", **given, **names)
    parts = read(tmp_path / "a.npz")
    images, test = parts.train, parts.test
    assert images.label_names == test.label_names == tuple(called)
    assert torch.equal(test.labels, images.labels[torch.tensor([0, 2, 2, 0])])


def test_an_archive_gives_pictures_back_as_they_were(tmp_path):
    zeros, age = torch.zeros(40, dtype=torch.int64), torch.arange(40.0)
    images = Images(torch.from_numpy(BYTES[:, None]), zeros, ("cat", "dog"), {"age": age})
    (tmp_path / "a.npz").write_bytes(to_archive(images))
    back = read(tmp_path / "a.npz").train
    assert list(back.factors) == ["age"]
    assert torch.equal(back.factors["age"], age)
    assert torch.equal(back.pixels, images.pixels)
    assert torch.equal(back.labels, images.labels)
    assert back.label_names == ("cat", "dog")
    np.savez(tmp_path / "b.npz", images=BYTES, factor_age=np.zeros((40, 2)))
    with pytest.raises(LunetteError, match=r"b.npz has 40 pictures, and factor_age of \(40, 2\), not a number each"):
        read(tmp_path / "b.npz")


def test_damaged_archives_are_refused(tmp_path):
    whole = io.BytesIO()
    np.savez(whole, images=BYTES)
    other = io.BytesIO()
    np.savez(other, pictures=BYTES)
    cases = {
        "cut.npz": whole.getvalue()[:500],
        "empty.npy": b"",
        "b.npz": b"no",
    }
    for name, content in {**cases, "other.npz": other.getvalue()}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(LunetteError, match=name) as error:
            load(tmp_path / name)
        assert "\n" not in str(error.value)


def test_labels_of_another_length_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", images=BYTES, labels=np.arange(39))
    with pytest.raises(LunetteError, match="40 pictures and labels of shape"):
        load(tmp_path / "a.npz")


def test_splits_are_disjoint_complete_and_the_same_each_time():
    torch.manual_seed(1)
    first = load(numbered(200), DataSettings(validation=0.25))
    torch.manual_seed(2)
    second = load(numbered(200), DataSettings(validation=0.25))
    parts = [first.train, first.validation, first.test]
    assert [len(part) for part in parts] == [135, 45, 20]
    numbers = torch.cat([part.labels for part in parts])
    assert torch.equal(numbers.sort().values, torch.arange(200))
    for part, again in zip(parts, (second.train, second.validation, second.test), strict=True):
        assert torch.equal(part.labels, again.labels)
        assert torch.equal(part.pixels.flatten().long(), part.labels)
        assert torch.equal(part.factors["number"], part.labels.float())
    assert first.facts == second.facts
    assert (first.facts["train"], first.facts["validation"], first.facts["test"]) == (135, 45, 20)


def test_splits_have_largest_sizes():
    many = Images(torch.zeros(120_000, 1, 1, 1, dtype=torch.uint8))
    dataset = load(many, DataSettings(validation=0.5))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (105_000, 5_000, 10_000)


@pytest.mark.parametrize(("share", "sizes"), [(0, (2, 0, 1)), (0.1, (1, 1, 1)), (0.99, (1, 1, 1))])
def test_training_keeps_a_picture_of_three(share, sizes):
    dataset = load(numbered(3), DataSettings(validation=share))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == sizes


def test_two_pictures_are_refused():
    with pytest.raises(LunetteError, match="2 pictures"):
        load(numbered(2))


def test_the_fingerprint_follows_pixels_and_labels():
    images = numbered(9)
    changed = images.pixels.clone()
    changed[4] += 1
    prints = {
        load(each).facts["sha256"]
        for each in (images, Images(changed, images.labels), Images(images.pixels, 8 - images.labels))
    }
    assert len(prints) == 3
    assert load(numbered(9)).facts["sha256"] in prints


def test_size_and_channels_apply_to_arrays_too():
    dataset = load(np.full((5, 6, 4), 77, np.uint8), DataSettings(size="3x8", channels=3))
    assert dataset.train.shape == (3, 3, 8)
    assert dataset.train.pixels.unique().tolist() == [77]


def test_named_things_that_do_not_exist(tmp_path):
    for wrong, message in (
        ("mnsit", "did you mean 'mnist'"),
        ("/no/such", f"known are {', '.join(SET_NAMES)}"),
    ):
        with pytest.raises(LunetteError, match=message):
            load(wrong)
    (tmp_path / "notes.txt").write_text("no pictures")
    with pytest.raises(LunetteError, match=r"notes\.txt is no source of pictures"):
        load(tmp_path / "notes.txt")


@pytest.mark.parametrize("size", ["0", "4x", "x4", "-3", "4x4x4", "big"])
def test_sizes_that_cannot_be_read(size):
    with pytest.raises(LunetteError, match="cannot read the size"):
        DataSettings(size=size)


@pytest.mark.parametrize("bad", [{"validation": 1.0}, {"validation": -0.1}, {"channels": 2}, {"fit": "bend"}])
def test_settings_that_cannot_be_used(bad):
    with pytest.raises(LunetteError):
        DataSettings(**bad)


def test_read_only_arrays_are_taken_without_a_warning(recwarn):
    pixels = BYTES.copy()
    pixels.flags.writeable = False
    assert read(pixels).train.pixels.shape == (40, 1, 6, 5)
    assert not recwarn.list


RGB = np.random.default_rng(1).integers(0, 256, (9, 6, 5, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((28, 28), np.uint8), r"one picture as x\[None\], and rows of pixels as x.reshape"),
        (np.zeros((300, 784), np.uint8), r"one picture as x\[None\]"),
        (np.zeros((28, 30, 3), np.uint8), r"one picture of 3 channels as x\[None\], and 28 grey ones of 3×30 as"),
        (np.zeros((3, 28, 30), np.uint8), r"one picture of 3 channels as x\[None\], and 3 grey ones of 30×28 as"),
        (np.zeros((9, 3, 8, 3), np.uint8), "both 3 and 3 may be its channels"),
        (np.zeros((9, 4, 8, 1), np.uint8), "both 4 and 1 may be its channels"),
    ],
)
def test_an_array_that_may_be_read_in_two_ways_is_refused_with_both(array, message):
    with pytest.raises(LunetteError, match=message):
        read(array, DataSettings(range="0,255"))


def test_rows_of_square_pictures():
    rows = np.random.default_rng(0).integers(0, 256, (300, 64), dtype=np.uint8)
    assert np.array_equal(read(rows).train.pixels.numpy(), rows.reshape(-1, 1, 8, 8))


def test_transparency_is_laid_on_white():
    seen = np.full((9, 6, 5, 1), 51, np.uint8)
    images = read(np.concatenate([RGB, seen], 3)).train
    expected = RGB.transpose(0, 3, 1, 2) * 0.2 + 255 * 0.8
    assert np.abs(images.pixels.numpy() - expected).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("how", [np.asfortranarray, lambda x: x.astype(">i2"), lambda x: x[::-1][::-1], torch.tensor])
def test_arrays_however_they_lie_in_memory(how, tmp_path):
    np.save(tmp_path / "x.npy", RGB)
    for source in (how(RGB), np.load(tmp_path / "x.npy", mmap_mode="r")):
        assert np.array_equal(read(source).train.pixels.numpy(), RGB.transpose(0, 3, 1, 2))


class Foreign:
    """An array of another library."""

    def __array__(self, dtype=None, copy=None):
        return RGB


def test_pictures_of_other_libraries(tmp_path):
    pictures = [Image.fromarray(pixels) for pixels in RGB]
    for i, picture in enumerate(pictures):
        picture.save(tmp_path / f"{i}.png")
    paths = [tmp_path / f"{i}.png" for i in range(9)]
    shares = torch.tensor(RGB / 255, requires_grad=True)
    names = [str(path) for path in paths]
    for source in (Foreign(), pictures, paths, names, list(RGB), list(torch.tensor(RGB)), shares):
        assert np.array_equal(read(source).train.pixels.numpy(), RGB.transpose(0, 3, 1, 2))
    assert np.array_equal(read(pictures[0]).train.pixels[0].numpy(), RGB[0].transpose(2, 0, 1))
    with pytest.raises(LunetteError, match="different shapes"):
        read([pictures[0], pictures[1].resize((3, 3))])
    with pytest.raises(LunetteError, match="not from a dict"):
        read({})


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(40) % 3 + 5,
        (np.arange(40) % 3 + 5.0)[:, None],
        np.array([b"5", b"6", b"7"])[np.arange(40) % 3],
        np.array(["5", "6", "7"])[np.arange(40) % 3],
    ],
)
def test_forms_of_labels(tmp_path, labels):
    np.savez(tmp_path / "a.npz", data=BYTES, target=labels)
    images = read(tmp_path / "a.npz").train
    assert (images.label_names, images.labels.tolist()) == (("5", "6", "7"), [i % 3 for i in range(40)])


def test_one_hot_labels_and_labels_that_are_none(tmp_path):
    np.savez(tmp_path / "a.npz", images=BYTES, labels=np.eye(3)[np.arange(40) % 3])
    assert read(tmp_path / "a.npz").train.labels.tolist() == [i % 3 for i in range(40)]
    np.savez(tmp_path / "b.npz", images=BYTES, labels=np.ones((40, 3)))
    with pytest.raises(LunetteError, match=r"labels of shape \(40, 3\): give one a picture"):
        read(tmp_path / "b.npz")


def test_names_of_labels_that_are_numbers_are_in_their_order(tmp_path):
    np.savez(tmp_path / "a.npz", images=BYTES, labels=np.array(["10", "9"])[np.arange(40) % 2])
    images = read(tmp_path / "a.npz").train
    assert (images.label_names, images.labels.tolist()[:2]) == (("9", "10"), [1, 0])


def test_three_splits_under_the_names_that_data_travels_with(tmp_path):
    kinds = {"train": BYTES, "val": BYTES[:7], "test": BYTES[:5]}
    given = {f"{kind}_images": pixels for kind, pixels in kinds.items()}
    labels = {f"{kind}_labels": np.arange(len(pixels))[:, None] % 4 for kind, pixels in kinds.items()}
    np.savez(tmp_path / "medical.npz", **given, **labels)
    data = load(tmp_path / "medical.npz")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [40, 7, 5]
    assert data.validation.labels.tolist() == [0, 1, 2, 3, 0, 1, 2]


def test_two_arrays_of_one_meaning_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", images=BYTES, X=BYTES)
    with pytest.raises(LunetteError, match="images and X, and either may be meant"):
        read(tmp_path / "a.npz")


def test_python_objects_are_refused_with_the_lines_that_convert_them(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    with pytest.raises(LunetteError, match="Python objects") as error:
        read(tmp_path / "a.npy")
    compile(str(error.value).split("\n\n")[1], "lines", "exec")


def test_numbers_of_other_libraries_are_settings():
    _, how, _ = sort_settings("vae", {"epochs": np.int64(3), "learning_rate": torch.tensor(0.5), "clip": np.float32(2)})
    assert (how.epochs, how.learning_rate, how.clip) == (3, 0.5, 2.0)


def test_a_gzip_bomb_is_read_no_further_than_its_header(tmp_path):
    start = struct.pack(">HBB3I", 0, 8, 3, 4, 2, 2) + bytes(16)
    (tmp_path / "a-idx3-ubyte.gz").write_bytes(gzip.compress(start + bytes(2**28)))
    tracemalloc.start()
    with pytest.raises(LunetteError, match="should hold 4 × 2 × 2 bytes and holds 1008"):
        read(tmp_path / "a-idx3-ubyte.gz")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_tensors_of_other_kinds_and_labels_that_are_none(tmp_path):
    shares = torch.tensor(RGB / 255)
    assert np.abs(read(shares.bfloat16()).train.pixels.numpy() - RGB.transpose(0, 3, 1, 2)).max() <= 1
    assert np.array_equal(read(torch.tensor(RGB).to_sparse()).train.pixels.numpy(), RGB.transpose(0, 3, 1, 2))
    column = np.empty(9, object)
    column[:] = list(RGB)
    assert np.array_equal(read(column).train.pixels.numpy(), RGB.transpose(0, 3, 1, 2))
    with pytest.raises(LunetteError, match="shape"):
        read(np.array(5))
    np.savez(tmp_path / "a.npz", images=BYTES, labels=np.linspace(0, 1, 40))
    with pytest.raises(LunetteError, match="no whole numbers"):
        read(tmp_path / "a.npz")


def test_what_an_archive_holds_beside_is_not_read(tmp_path):
    np.savez(tmp_path / "a.npz", imgs=BYTES, metadata=np.array([{}], dtype=object))
    assert np.array_equal(read(tmp_path / "a.npz").train.pixels[:, 0].numpy(), BYTES)


def test_a_named_set_has_a_range_of_its_own():
    with pytest.raises(LunetteError, match="leave out --range"):
        read("digits", DataSettings(range="0,16"))


def test_few_rows_of_square_pictures():
    rows = np.random.default_rng(0).integers(0, 256, (90, 784), dtype=np.uint8)
    assert np.array_equal(read(rows).train.pixels.numpy(), rows.reshape(90, 1, 28, 28))


def test_numbers_that_are_masked_are_not_taken():
    hidden = np.ma.masked_less(BYTES, 9)
    with pytest.raises(LunetteError, match="some of the array's numbers are masked: fill them"):
        read(hidden)
    assert np.array_equal(read(hidden.filled(255)).train.pixels[:, 0].numpy(), np.where(BYTES < 9, 255, BYTES))
    assert np.array_equal(read(np.ma.asarray(BYTES)).train.pixels[:, 0].numpy(), BYTES)


def test_images_of_arrays_and_a_range_of_two_numbers():
    images = Images(RGB.transpose(0, 3, 1, 2), np.arange(9))
    assert images.label_names == tuple("012345678")
    assert torch.equal(images.take(torch.tensor([8])).pixels[0], torch.tensor(RGB[8]).permute(2, 0, 1))
    assert DataSettings(range=(0, 4095)).span == (0, 4095)


@pytest.mark.parametrize(
    ("pictures", "labels"),
    [("images", "labels"), ("X_train", "y_train"), ("x", "y"), ("mnist_images", "mnist_labels"), ("data", "targets")],
)
def test_labels_that_lie_beside_an_array(tmp_path, pictures, labels):
    kinds = np.arange(40) % 3
    np.save(tmp_path / f"{pictures}.npy", BYTES)
    np.save(tmp_path / f"{labels}.npy", kinds[:, None])
    assert read(tmp_path / f"{pictures}.npy").train.labels.tolist() == kinds.tolist()


def test_a_damaged_file_beside_an_array_is_no_labels(tmp_path):
    np.save(tmp_path / "x.npy", BYTES)
    (tmp_path / "y.npy").write_bytes(b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((\n")
    with pytest.warns(LunetteWarning, match=r"no labels are read from .*y\.npy"):
        assert read(tmp_path / "x.npy").train.labels is None


@pytest.mark.parametrize("other", [np.arange(39), np.linspace(0, 1, 40), np.array([{}])])
def test_what_lies_beside_an_array_and_is_no_labels(tmp_path, other):
    np.save(tmp_path / "x.npy", BYTES)
    np.save(tmp_path / "y.npy", other)
    with pytest.warns(LunetteWarning, match=r"no labels are read from .*y\.npy"):
        assert read(tmp_path / "x.npy").train.labels is None


def test_three_pictures_for_a_grey_model_are_three_grey_ones(tmp_path):
    three = np.random.default_rng(0).integers(0, 256, (3, 12, 9), dtype=np.uint8)
    np.save(tmp_path / "a.npy", three)
    for source in (three, tmp_path / "a.npy"):
        assert np.array_equal(read_pictures(source, (1, 12, 9)).pixels[:, 0].numpy(), three)
        with pytest.raises(LunetteError, match="one picture of 3 channels"):
            read_pictures(source, (3, 12, 9))
