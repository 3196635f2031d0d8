"""Folders of picture files: labels, decoding, sizes, damage."""

import warnings

import numpy as np
import pytest
from PIL import Image

from lunette.errors import LunetteError, LunetteWarning
from lunette.images import DataSettings, load, read, read_pictures

STREAM = np.random.default_rng(0)
RINGING = 4  # of the Lanczos filter, near edges


def noise(*shape):
    return STREAM.integers(0, 256, shape, dtype=np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def pixels_of(folder, **settings):
    return read(folder, DataSettings(**settings)).train.pixels.numpy()


def test_first_sub_folders_are_labels_in_the_order_of_paths(tmp_path):
    values = {"dog/b.png": 4, "cat/2.png": 2, "cat/1.png": 1, "dog/deep/a.BMP": 5}
    for name, value in values.items():
        save(tmp_path / name, np.full((2, 3), value, np.uint8))
    save(tmp_path / ".thumbs" / "x.png", noise(9, 9))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "Thumbs.db").write_text("the system's")
    (tmp_path / "named.png").mkdir()
    with pytest.warns(LunetteWarning, match=r"that are no pictures: 1 \(notes\.txt\)$"):
        images = read(tmp_path).train
    assert images.shape == (1, 2, 3)
    assert images.pixels[:, 0, 0, 0].tolist() == [1, 2, 4, 5]
    assert images.label_names == ("cat", "dog")
    assert images.labels.tolist() == [0, 0, 1, 1]


def test_a_flat_folder_has_no_labels(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.png", noise(2, 2))
    images = read(tmp_path).train
    assert (images.labels, images.label_names) == (None, ())


def test_one_colour_picture_makes_all_rgb(tmp_path):
    grey, rgb = noise(4, 4), noise(4, 4, 3)
    save(tmp_path / "a.png", grey)
    assert pixels_of(tmp_path).shape == (1, 1, 4, 4)
    save(tmp_path / "b.png", rgb)
    both = pixels_of(tmp_path)
    assert np.array_equal(both[0], np.stack([grey] * 3))
    assert np.array_equal(both[1], rgb.transpose(2, 0, 1))
    one = pixels_of(tmp_path, channels=1)
    assert np.array_equal(one[0, 0], grey)
    assert np.abs(one[1, 0] - rgb @ [0.299, 0.587, 0.114]).max() < 1.01
    (tmp_path / "b.png").unlink()
    assert pixels_of(tmp_path, channels=3).shape == (1, 3, 4, 4)


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_exif_orientation_is_applied(tmp_path, suffix):
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    options = {"lossless": True} if suffix == "webp" else {}
    save(tmp_path / f"a.{suffix}", np.stack([stored] * 3, -1), exif=exif, **options)
    assert np.array_equal(pixels_of(tmp_path)[0, 0], np.rot90(stored, -1))


def test_alpha_lies_on_white(tmp_path):
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 0], rgba[0, :, 3] = 200, [255, 0, 128]
    save(tmp_path / "a.png", rgba)
    red, green = pixels_of(tmp_path)[0, :2, 0]
    half = 128 / 255
    assert red.tolist() == [200, 255, round(200 * half + 255 * (1 - half))]
    assert green.tolist() == [0, 255, round(255 * (1 - half))]


def test_transparent_grey_stays_grey(tmp_path):
    save(tmp_path / "a.png", np.array([[9, 30]], np.uint8), transparency=9)
    assert pixels_of(tmp_path).tolist() == [[[[255, 30]]]]


def test_sixteen_bits_are_scaled_by_257(tmp_path):
    save(tmp_path / "a.png", np.array([[0, 257, 25700, 65535, 129]], np.uint16))
    assert pixels_of(tmp_path).tolist() == [[[[0, 1, 100, 255, 1]]]]


def test_palettes_cmyk_and_bits(tmp_path):
    palette = Image.fromarray(np.array([[[250, 0, 0], [0, 0, 250]]], np.uint8)).quantize(2)
    palette.save(tmp_path / "p.png")
    assert pixels_of(tmp_path)[0, :, 0].T.tolist() == [[250, 0, 0], [0, 0, 250]]
    Image.new("CMYK", (2, 1), (0, 255, 255, 0)).save(tmp_path / "p.png", "TIFF")
    assert pixels_of(tmp_path)[0, :, 0, 0].tolist() == [255, 0, 0]
    Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1").save(tmp_path / "p.png")
    assert pixels_of(tmp_path).tolist() == [[[[0, 255]]]]


def test_an_animation_gives_its_first_frame(tmp_path):
    first, second = (Image.new("L", (4, 4), value) for value in (10, 200))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert set(pixels_of(tmp_path)[0].flatten()) == {10}


def test_different_sizes_need_a_size(tmp_path):
    save(tmp_path / "a.png", noise(4, 6))
    save(tmp_path / "b.png", noise(5, 6))
    with pytest.raises(LunetteError, match=r"a\.png is 6×4 and .*b\.png is 6×5 .*--size") as error:
        load(tmp_path)
    assert "\n" not in str(error.value)
    assert pixels_of(tmp_path, size="4x8").shape == (2, 1, 4, 8)


def three_bands(tmp_path):
    """A picture 12 high and 36 wide: black, grey and white thirds from left to right, in 8, 128, 248."""
    save(tmp_path / "a.png", np.repeat(np.array([[8, 128, 248]], np.uint8), 12, 0).repeat(12, 1))


def test_crop_keeps_the_middle(tmp_path):
    three_bands(tmp_path)
    middle = pixels_of(tmp_path, size="6", fit="crop")[0, 0]
    assert middle.shape == (6, 6)
    assert np.abs(middle[:, 1:-1] - 128.0).max() <= RINGING


def test_pad_lays_on_black(tmp_path):
    three_bands(tmp_path)
    padded = pixels_of(tmp_path, size="12", fit="pad")[0, 0]
    assert padded.shape == (12, 12)
    assert padded[:4].max() == padded[8:].max() == 0
    assert np.abs(padded[5, [1, 6, 10]] - [8.0, 128, 248]).max() <= RINGING


def test_stretch_keeps_all(tmp_path):
    three_bands(tmp_path)
    stretched = pixels_of(tmp_path, size="12x12", fit="stretch")[0, 0]
    assert np.abs(stretched[[0, 11]][:, [1, 6, 10]] - [8.0, 128, 248]).max() <= RINGING


def folder_of(tmp_path, n):
    for i in range(n):
        save(tmp_path / f"{i:03}.png", noise(16, 16))


def test_a_truncated_file_is_named_and_skipped(tmp_path):
    folder_of(tmp_path, 40)
    whole = (tmp_path / "007.png").read_bytes()
    (tmp_path / "007.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "008.png").write_text("no picture")
    with pytest.warns(LunetteWarning, match=r"2 of 40 pictures .*007\.png .*008\.png") as caught:
        assert len(read(tmp_path).train) == 38
    assert len(caught) == 1
    (tmp_path / "009.png").write_bytes(b"")
    with pytest.raises(LunetteError, match=r"3 of 40 .* more than 5 %"):
        load(tmp_path)


def test_at_most_ten_bad_files_are_named(tmp_path):
    for i in range(14):
        (tmp_path / f"{i}.jpg").write_bytes(b"")
    with pytest.raises(LunetteError, match="and 4 more") as error:
        load(tmp_path)
    assert str(error.value).count("UnidentifiedImageError") == 10
    assert "\n" not in str(error.value)


def test_a_bomb_is_a_failure_and_filters_stay_as_they_were(tmp_path, monkeypatch):
    folder_of(tmp_path, 40)
    save(tmp_path / "040.png", noise(20, 20))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    before = list(warnings.filters)
    with pytest.warns(LunetteWarning, match=r"1 of 41 .*040\.png \(DecompressionBombWarning"):
        assert len(read(tmp_path).train) == 40
    assert warnings.filters[-len(before) :] == before
    assert not any(f[2] is Image.DecompressionBombWarning for f in warnings.filters)
    with pytest.raises(LunetteError, match=r"040\.png as a picture"):
        read_pictures(tmp_path / "040.png", (1, 8, 8))


def test_a_folder_without_pictures(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(LunetteError, match=r"no pictures among 1 files.*\.png"):
        load(tmp_path)


@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 6, 9)])
def test_a_users_pictures_take_a_models_shape(tmp_path, shape):
    path = save(tmp_path / "pictures" / "a.png", noise(20, 30, 3))
    save(tmp_path / "pictures" / "b.jpg", noise(7, 7))
    np.save(tmp_path / "a.npy", noise(5, 11, 11))
    assert read_pictures(path, shape).pixels.shape == (1, *shape)
    assert read_pictures(tmp_path / "pictures", shape, DataSettings(fit="pad")).pixels.shape == (2, *shape)
    assert read_pictures(tmp_path / "a.npy", shape, DataSettings(fit="stretch")).pixels.shape == (5, *shape)


def test_a_users_picture_of_the_right_shape_is_not_touched(tmp_path):
    rgb = noise(6, 9, 3)
    path = save(tmp_path / "a.png", rgb)
    assert np.array_equal(read_pictures(path, (3, 6, 9)).pixels[0].numpy(), rgb.transpose(2, 0, 1))


def test_a_users_picture_that_is_not_there(tmp_path):
    with pytest.raises(LunetteError, match=r"there is no picture .*none\.png"):
        read_pictures(tmp_path / "none.png", (1, 8, 8))
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(LunetteError, match=r"cannot read .*bad\.png"):
        read_pictures(tmp_path / "bad.png", (1, 8, 8))
