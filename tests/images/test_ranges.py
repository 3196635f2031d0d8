"""Which numbers are black and white, in files and arrays alike: 26 to 230 of 255 is the same picture in all of them."""

import warnings

import numpy as np
import pytest
from PIL import Image

from lunette.errors import LunetteError, LunetteWarning
from lunette.images import DataSettings, load, read, read_pictures
from lunette.images.ranges import span_of
from lunette.runs import Run
from lunette.uses.data.pack import pack
from lunette.uses.train import train

SHARES = np.linspace(0.1, 0.9, 6 * 8).reshape(6, 8)
BYTES = np.uint8(SHARES * 255)
GUESSED, KNOWN = True, False
NUMBERS = {
    "uint8": (BYTES, KNOWN),
    "int64": (np.int64(BYTES), KNOWN),
    "uint16": (np.uint16(SHARES * 65535), KNOWN),
    "12 bits": (np.uint16(SHARES * 4095), GUESSED),
    "10 bits": (np.int32(SHARES * 1023), GUESSED),
    "shares": (SHARES, KNOWN),
    "shares in float32": (np.float32(SHARES), KNOWN),
    "floats to 255": (np.float32(SHARES * 255), KNOWN),
    "floats to 65535": (np.float32(SHARES * 65535), KNOWN),
    "big-endian": ((SHARES * 65535).astype(">u2"), KNOWN),
}


def said(work):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = work()
    return result, [str(warning.message) for warning in found if warning.category is LunetteWarning]


@pytest.mark.parametrize("name", NUMBERS)
def test_arrays_of_all_numbers_are_the_same_pictures(name):
    numbers, is_guessed = NUMBERS[name]
    images, words = said(lambda: read(np.stack([numbers] * 3)).train)
    assert np.abs(images.pixels[0, 0].numpy() - SHARES * 255).max() <= 1
    assert bool(words) == is_guessed


@pytest.mark.parametrize("name", [name for name in NUMBERS if name not in ("int64", "shares", "10 bits")])
def test_files_of_all_numbers_are_the_same_pictures(tmp_path, name):
    numbers, is_guessed = NUMBERS[name]
    image = Image.fromarray(numbers.astype(numbers.dtype.newbyteorder("=")))
    for i in range(3):
        image.save(tmp_path / f"{i}.{'tif' if numbers.dtype.kind == 'f' else 'png'}")
    images, words = said(lambda: read(tmp_path).train)
    assert np.abs(images.pixels[0, 0].numpy() - SHARES * 255).max() <= 1
    assert bool(words) == is_guessed
    images, words = said(lambda: read_pictures(next(tmp_path.iterdir()), (1, 6, 8)))
    assert np.abs(images.pixels[0, 0].numpy() - SHARES * 255).max() <= 1
    assert bool(words) == is_guessed


def test_a_dark_picture_among_others_stays_dark(tmp_path):
    Image.fromarray(np.uint16(SHARES * 4095)).save(tmp_path / "0.png")
    Image.fromarray(np.uint16(SHARES * 409.5)).save(tmp_path / "1.png")
    images, _ = said(lambda: read(tmp_path).train)
    assert images.pixels.amax((1, 2, 3)).tolist() == pytest.approx([230, 23], abs=1)


def test_a_filters_ringing_finds_no_other_white(tmp_path):
    edges = np.uint16((np.indices((32, 32)).sum(0) // 8 % 2) * 4095)
    for i in range(3):
        Image.fromarray(edges).save(tmp_path / f"{i}.png")
    images, words = said(lambda: read(tmp_path, DataSettings(size=12)).train)
    assert images.pixels.max() == 255
    assert "white 4095" in words[0]


def test_a_users_own_pictures_have_the_range_of_their_run(tmp_path):
    numbers = np.stack([np.uint16(SHARES * 1000 + i) for i in range(30)])
    run = train("vae", numbers, out=tmp_path / "run", range="0,1000", epochs=1, pictures=0, network="mlp:8")
    again = Run(run.path).dataset
    assert again.facts == run.dataset.facts
    assert again.train.pixels.max() == pytest.approx(900 * 255 / 1000, abs=8)
    Image.fromarray(numbers[0]).save(tmp_path / "own.png")
    found = run.trained().pictures(tmp_path / "own.png").pixels[0, 0].numpy()
    assert np.abs(found - SHARES * 255).max() <= 1


def test_a_range_that_was_found_is_that_of_the_users_own_pictures(tmp_path):
    numbers = np.stack([np.uint16(SHARES * 4000 + i) for i in range(30)])
    run, words = said(lambda: train("vae", numbers, out=tmp_path / "run", epochs=1, pictures=0, network="mlp:8"))
    assert "white 4095" in words[0]
    assert run.settings.data.range == "0,4095"
    assert Run(run.path).dataset.facts == run.dataset.facts
    Image.fromarray(np.uint16(SHARES * 1000)).save(tmp_path / "own.png")  # would be 10 bits by themselves
    for own in (tmp_path / "own.png", np.uint16(SHARES * 1000)[None]):
        pictures, words = said(lambda own=own: run.trained().pictures(own))
        assert np.abs(pictures.pixels[0, 0].numpy() - SHARES * 1000 * 255 / 4095).max() <= 1
        assert not words


@pytest.mark.parametrize("other", ["0,4095", "-1,1", "0,1"])
def test_the_range_of_other_numbers_leaves_bytes_as_they_are(tmp_path, other):
    Image.fromarray(BYTES).save(tmp_path / "own.png")
    for own in (tmp_path / "own.png", tmp_path, BYTES[None]):
        pixels = read_pictures(own, (1, 6, 8), DataSettings(range=other)).pixels
        np.testing.assert_array_equal(pixels[0, 0].numpy(), BYTES)


@pytest.mark.parametrize("mask", [SHARES > 0.5, np.uint8(SHARES > 0.5), np.int64(SHARES > 0.5)])
def test_zeros_and_ones_are_black_and_white(tmp_path, mask):
    images, words = said(lambda: read(np.stack([mask] * 3)).train)
    assert set(images.pixels.unique().tolist()) == {0, 255}
    assert bool(words) == (mask.dtype != bool)
    if words:
        assert "if white is 255, say --range 0,255" in words[0]
    if mask.dtype == np.uint8:
        Image.fromarray(mask).save(tmp_path / "0.png")
        assert set(said(lambda: read(tmp_path).train)[0].pixels.unique().tolist()) == {0, 255}
        assert said(lambda: read(tmp_path, DataSettings(range="0,255")).train)[0].pixels.max() == 1


def test_what_is_nearly_black_is_said():
    images, words = said(lambda: read(np.uint8(SHARES * 16)[None].repeat(3, 0)).train)
    assert images.pixels.max() == 14
    assert "from 1 to 14: black is taken to be 0, and white 255; if white is 14, say --range 0,14" in words[0]


def test_what_is_constant_is_said():
    _, words = said(lambda: load(np.full((9, 4, 4), 7, np.uint8), DataSettings(range="0,255")))
    assert "all pixels in array are 7 of 255" in words[0]


def test_a_range_is_what_it_says_for_all_kinds_of_sources(tmp_path):
    settings = DataSettings(range="-1,1")
    numbers = np.float32(2 * SHARES - 1)
    with pytest.raises(LunetteError, match=r"from -0\.8 to 0\.8, and black is 0: say .* --range=-1,1"):
        read(np.stack([numbers] * 3))
    np.savez(tmp_path / "a.npz", images=np.stack([numbers] * 3), x_test=np.stack([numbers] * 2))
    (tmp_path / "folder").mkdir()
    for i in range(3):
        Image.fromarray(numbers).save(tmp_path / "folder" / f"{i}.tif")
    pack(tmp_path / "folder", tmp_path / "pack", range="-1,1")
    for source in (np.stack([numbers] * 3), tmp_path / "a.npz", tmp_path / "folder"):
        images = read(source, settings).train
        assert np.abs(images.pixels[0, 0].numpy() - SHARES * 255).max() <= 1
    images = read(tmp_path / "pack").train
    for image in images.pixels[:]:
        assert np.abs(image[0].numpy() - SHARES * 255).max() <= 1
    with pytest.raises(LunetteError, match="say what black and white are with --range"):
        pack(tmp_path / "folder", tmp_path / "other")
    with pytest.raises(LunetteError, match="leave out --encoded or --range"):
        pack(tmp_path / "folder", tmp_path / "other", range="-1,1", encoded=True)


def test_training_and_test_pictures_of_an_archive_have_one_range(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=np.uint16(SHARES * 4095)[None], x_test=np.uint16(SHARES * 409.5)[None])
    parts, _ = said(lambda: read(tmp_path / "a.npz"))
    assert [int(part.pixels.max()) for part in (parts.train, parts.test)] == pytest.approx([230, 23], abs=1)


@pytest.mark.parametrize("wrong", ["1", "0,", "a,b", "5,5", "9,1", "0,inf", "nan,1"])
def test_ranges_that_are_none(wrong):
    with pytest.raises(LunetteError, match="cannot read the range"):
        DataSettings(range=wrong)


@pytest.mark.parametrize(
    ("kind", "high", "white"),
    [("i", 1, 1), ("i", 2, 255), ("i", 255, 255), ("i", 256, 1023), ("i", 4095, 4095), ("i", 4096, 16383),
     ("i", 16384, 65535), ("u8", 1, 1), ("u8", 2, 255), ("u8", 0, 1), ("f", 1.00005, 1), ("f", 1.1, 255), ("b", 1, 1)],
)  # fmt: skip
def test_white_is_the_least_that_no_number_is_above(kind, high, white):
    assert said(lambda: span_of(kind, 0, high, "it"))[0] == (0, white)


def test_what_is_no_range_at_all():
    for low, high in ((float("nan"), 1), (0, float("inf"))):
        with pytest.raises(LunetteError, match="mend or remove"):
            span_of("f", low, high, "it")
    with pytest.raises(LunetteError, match="black is 0"):
        span_of("i", 0, 70_000, "it")
