"""What lies in a folder of pictures: links, splits, masks, stacks, our own output; nothing is lost without a word."""

import io
import json
import os
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image, features

import lunette
from lunette.errors import LunetteError, LunetteWarning
from lunette.faces.cli import main
from lunette.images import DataSettings, load, read
from lunette.results.picture_folder import save_pictures
from lunette.results.sheet import Sheet
from lunette.uses.data.pack import pack


def put(folder, values, suffix=".png", size=(4, 4)):
    """Write a picture of each value, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for value in values:
        Image.fromarray(np.full(size, value, np.uint8)).save(folder / f"{value:03}{suffix}")
    return folder


def values(images):
    return images.pixels[:][:, 0, 0, 0].tolist()


def by_label(images):
    return [(images.label_names[label], value) for label, value in zip(images.labels, values(images), strict=True)]


def test_links_are_followed(tmp_path):
    put(tmp_path / "set" / "cat", [1, 2])
    (tmp_path / "set" / "dog").symlink_to(put(tmp_path / "elsewhere", [3]))
    (tmp_path / "set" / "cat" / "009.png").symlink_to(tmp_path / "elsewhere" / "003.png")
    assert by_label(read(tmp_path / "set").train) == [("cat", 1), ("cat", 2), ("cat", 3), ("dog", 3)]


def test_circles_and_broken_links_are_named(tmp_path):
    put(tmp_path / "a", [101, 102, 103])
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.warns(LunetteWarning) as said:
        images = read(tmp_path).train
    assert values(images) == [101, 102, 103]
    (words,) = [str(warning.message) for warning in said]
    assert "links that point nowhere: 1 (a/gone.png)" in words
    assert "links to folders that are read already: 1 (a/back)" in words


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read all")
def test_folders_without_permission_are_named(tmp_path):
    put(tmp_path / "open", [101])
    put(tmp_path / "shut", [2]).chmod(0)
    with pytest.warns(LunetteWarning, match=r"folders that may not be read: 1 \(shut\)"):
        assert values(read(tmp_path).train) == [101]
    (tmp_path / "shut").chmod(0o700)


def test_folders_without_permission_are_named_to_the_administrator_too(tmp_path, monkeypatch):
    put(tmp_path / "open", [101])
    put(tmp_path / "shut", [2])
    real = os.scandir

    def scandir(path):
        if os.fspath(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.warns(LunetteWarning, match=r"folders that may not be read: 1 \(shut\)"):
        assert values(read(tmp_path).train) == [101]


def test_splits_are_splits_and_masks_are_none(tmp_path):
    put(tmp_path / "Train" / "good", range(1, 9))
    put(tmp_path / "test" / "good", [20])
    put(tmp_path / "test" / "broken", [30, 31])
    put(tmp_path / "ground_truth" / "broken", [255])
    with pytest.warns(LunetteWarning, match=r"masks, in folders beside train or test: 1 \(ground_truth\)"):
        data = load(tmp_path)
    assert by_label(data.test) == [("broken", 30), ("broken", 31), ("good", 20)]
    assert set(by_label(data.train) + by_label(data.validation)) == {("good", value) for value in range(1, 9)}
    assert data.train.label_names == data.test.label_names == ("broken", "good")
    assert data.facts["split"] == "of 8 pictures 1 for validation by a fixed permutation, the source's own for test"


def test_all_three_splits_and_a_test_split_without_labels(tmp_path):
    put(tmp_path / "train" / "b", [1, 2])
    put(tmp_path / "train" / "a", [3, 4])
    put(tmp_path / "valid" / "b", [10])
    put(tmp_path / "test", [20, 21])
    data = load(tmp_path)
    assert sorted(by_label(data.train)) == [("a", 3), ("a", 4), ("b", 1), ("b", 2)]
    assert by_label(data.validation) == [("b", 10)]
    assert (values(data.test), data.test.labels) == ([20, 21], None)
    assert data.facts["split"] == "of 4 pictures the source's own for validation and test"


@pytest.mark.parametrize("encoded", [False, True])
def test_a_pack_has_the_splits_of_its_folder(tmp_path, encoded):
    put(tmp_path / "set" / "train" / "b", [1, 2, 5])
    put(tmp_path / "set" / "train" / "a", [3, 4])
    put(tmp_path / "set" / "val" / "c", [10])
    put(tmp_path / "set" / "test" / "b", [20, 21])
    pack(tmp_path / "set", tmp_path / "pack", encoded=encoded)
    whole, packed = load(tmp_path / "set"), load(tmp_path / "pack")
    for split in ("train", "validation", "test"):
        assert by_label(getattr(packed, split)) == by_label(getattr(whole, split))


def test_labels_may_be_called_like_splits_only_where_that_is_clear(tmp_path):
    put(tmp_path / "train", [1])
    put(tmp_path / "car", [2])
    assert read(tmp_path).train.label_names == ("car", "train")
    put(tmp_path / "test", [3])
    with pytest.raises(
        LunetteError, match=r"folders test, train in .* may be splits of the data, or labels beside car"
    ):
        read(tmp_path)


def test_labels_that_are_numbers_are_in_their_order(tmp_path):
    for label in ("10", "9", "1"):
        put(tmp_path / "numbers" / label, [int(label)])
        put(tmp_path / "text" / f"{label}a", [int(label)])
    assert read(tmp_path / "numbers").train.label_names == ("1", "9", "10")
    assert by_label(read(tmp_path / "numbers").train) == [("1", 1), ("10", 10), ("9", 9)]
    assert read(tmp_path / "text").train.label_names == ("10a", "1a", "9a")


@pytest.mark.parametrize("kind", ["tif", "gif", "webp", "png"])
def test_frames(tmp_path, kind):
    frames = [Image.fromarray(np.full((8, 8), 40 * i, np.uint8)) for i in range(1, 6)]
    options = {"lossless": True} if kind == "webp" else {}
    frames[0].save(tmp_path / f"a.{kind}", save_all=True, append_images=frames[1:], **options)
    with pytest.warns(LunetteWarning, match=r"of which --frames all makes pictures: 1 \(4 in a\."):
        assert values(read(tmp_path).train) == [40]
    every = read(tmp_path, DataSettings(frames="all")).train
    assert values(every) == [40, 80, 120, 160, 200]
    pack(tmp_path, tmp_path / "pack", frames="all")
    assert values(read(tmp_path / "pack").train) == [40, 80, 120, 160, 200]
    with pytest.raises(LunetteError, match="one picture a file"):
        pack(tmp_path, tmp_path / "other", frames="all", encoded=True)


@pytest.mark.parametrize("suffix", [".pgm", ".PPM", ".pbm", ".jp2", ".jpe", ".JFIF", ".avif", ".tga", ".qoi", ".Tiff"])
def test_formats_that_pillow_reads(tmp_path, suffix):
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    mode = {".pbm": "1", ".qoi": "RGB"}.get(suffix, "L")
    image = Image.fromarray(np.full((8, 8), 255, np.uint8)).convert(mode)
    for i in range(3):
        image.save(tmp_path / f"{i}{suffix}")
    assert (read(tmp_path).train.pixels[:] > 250).all()


def test_what_is_grey_in_a_palette_is_grey(tmp_path):
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4)
    grey.save(tmp_path / "a.gif")
    grey.convert("P").save(tmp_path / "b.png")
    images = read(tmp_path).train
    assert images.shape == (1, 8, 8)
    assert (images.pixels[:, 0] == torch.arange(64).reshape(8, 8) * 4).all()
    colour = Image.fromarray(np.eye(8, dtype=np.uint8)[..., None] * np.array([255, 0, 0], np.uint8))
    colour.convert("P").save(tmp_path / "c.png")
    assert read(tmp_path).train.shape == (3, 8, 8)


def test_our_own_runs_packs_and_sheets_are_left_out(tmp_path):
    put(tmp_path, range(1, 40))
    run = lunette.train("vae", ".", epochs=1, pictures=1, network="mlp:8", latent=2, progress=False)
    before = run.settings.facts
    pack(tmp_path, tmp_path / "packed")
    sheet = Sheet(np.zeros((2, 1, 8, 8), np.float32), columns=2)
    for name in ("a.png", "b.gif", "c.jpg"):
        sheet.save(tmp_path / name)
    save_pictures(tmp_path / "made", np.full((1, 1, 4, 4), 200 / 255, np.float32), (), sheet.picture())
    with pytest.warns(LunetteWarning) as said:
        images = read(tmp_path).train
    assert values(images) == [*range(1, 40), 200]
    (words,) = [str(warning.message) for warning in said]
    assert f"folders that are Lunette's own runs or packs: 2 (packed, {run.path.as_posix()})" in words
    assert "sheets of pictures made by Lunette: 4 (a.png, b.gif, c.jpg, made/sheet.png)" in words
    (tmp_path / "made" / "00000.png").unlink()
    with pytest.warns(LunetteWarning):
        assert load(tmp_path).facts == before
    with pytest.warns(LunetteWarning):
        lunette.resume(run.path, epochs=2, progress=False)


def members(path, files):
    """Write a tar archive of names and bytes, or members that are made already."""
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(data, str):
                member.type, member.linkname, data = tarfile.LNKTYPE, data, b""
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def png(value):
    data = io.BytesIO()
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(data, "PNG")
    return data.getvalue()


def test_labels_of_an_archive_may_be_in_json(tmp_path):
    tables = ({"label": 10, "caption": "x"}, {"cls": 9}, {"class": "7"})
    files = {}
    for i, table in enumerate(tables):
        files |= {f"{i}.png": png(i), f"{i}.json": json.dumps(table).encode()}
    members(tmp_path / "a.tar", files)
    pack(tmp_path / "a.tar", tmp_path / "pack")
    images = read(tmp_path / "pack").train
    assert by_label(images) == [("10", 0), ("9", 1), ("7", 2)]
    assert images.label_names == ("7", "9", "10")


def test_what_an_archive_holds_beside_pictures_is_named(tmp_path):
    members(tmp_path / "a.tar", {"0.png": png(5), "0.txt": b"a caption", "1.png": png(6), "2.png": "0.png"})
    with pytest.warns(LunetteWarning) as said:
        pack(tmp_path / "a.tar", tmp_path / "pack")
    assert values(read(tmp_path / "pack").train) == [5, 6, 5]
    (words,) = [str(warning.message) for warning in said]
    assert "files beside pictures, which are no labels: 1 (a.tar/0.txt)" in words


def test_links_in_an_archive_are_followed(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, data, kind, goal in (
            ("a/0.png", png(7), tarfile.REGTYPE, ""),
            ("a/1.png", b"", tarfile.SYMTYPE, "0.png"),
            ("b/2.png", b"", tarfile.SYMTYPE, "../a/1.png"),
            ("3.png", b"", tarfile.LNKTYPE, "./a/0.png"),
            ("4.png", b"", tarfile.SYMTYPE, "/etc/0.png"),
            ("5.png", b"", tarfile.SYMTYPE, "6.png"),
            ("6.png", b"", tarfile.SYMTYPE, "5.png"),
            ("7.png", png(9), tarfile.REGTYPE, ""),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, goal, len(data)
            archive.addfile(member, io.BytesIO(data))
    with pytest.warns(LunetteWarning, match="links to what is not in the archive: 3 .a.tar/4.png, a.tar/5.png, "):
        pack(tmp_path / "a.tar", tmp_path / "pack")
    assert values(read(tmp_path / "pack").train) == [7, 7, 7, 7, 9]


def test_archives_called_by_splits_are_splits(tmp_path):
    (tmp_path / "set" / "val").mkdir(parents=True)
    for name, value in {"train-000": 1, "train-001": 2, "test-000": 3, "val/000": 4}.items():
        members(tmp_path / "set" / f"{name}.tar", {f"{i}.png": png(value) for i in range(4)})
    pack(tmp_path / "set", tmp_path / "pack")
    parts = read(tmp_path / "pack")
    assert [set(values(part)) for part in (parts.train, parts.test, parts.validation)] == [{1, 2}, {3}, {4}]
    members(tmp_path / "set" / "more.tar", {"0.png": png(5)})
    with pytest.raises(LunetteError, match=r"called by splits .* and more\.tar is not"):
        pack(tmp_path / "set", tmp_path / "other")


def test_folders_in_an_archive_are_said_to_be_no_labels(tmp_path):
    members(tmp_path / "a.tar", {"cat/0.png": png(5), "dog/0.png": png(6)})
    with pytest.warns(LunetteWarning, match="folders in archives, which are no labels .*: 2 .a.tar/cat, a.tar/dog"):
        pack(tmp_path / "a.tar", tmp_path / "pack")


@pytest.mark.parametrize("ending", ["png", "gif", "jpg", "webp", "tif", "avif"])
def test_sheets_of_all_formats_are_known_for_what_they_are(tmp_path, ending):
    put(tmp_path / "in", range(1, 20))
    Sheet(np.zeros((4, 1, 4, 4), np.float32), columns=2).save(tmp_path / "in" / f"sheet.{ending}")
    with pytest.warns(LunetteWarning, match="sheets of pictures made by Lunette: 1"):
        assert len(read(tmp_path / "in").train) == 19


@pytest.mark.parametrize("name", ["a.csv", "b.MAT", "c.h5", "d.zip", "e.tar.gz", "f.parquet", "g.pkl", "h.pt"])
def test_what_cannot_be_read_is_refused_with_the_lines_that_convert_it(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(LunetteError, match="cannot be read as it is") as error:
        read(tmp_path / name)
    lines = str(error.value).split("\n\n")[1]
    assert repr(str(tmp_path / name)) in lines
    compile(lines, name, "exec")


def test_a_name_that_is_also_a_folder_is_settled_by_who_says_it(tmp_path):
    run = lunette.train("vae", "digits", epochs=1, pictures=0, network="mlp:8", latent=2, progress=False)
    put(tmp_path / "digits", range(1, 20))
    with pytest.raises(LunetteError, match=r"say digits: for the set, or \./digits"):
        read("digits")
    assert len(read("digits:").train) == 1797
    assert len(read("./digits").train) == 19
    assert len(lunette.Run(run.path).dataset.train) + len(run.dataset.validation) + len(run.dataset.test) == 1797
    lunette.resume(run.path, epochs=2, progress=False)


def test_a_pack_is_a_pack_whatever_lies_beside_it(tmp_path):
    pack(np.zeros((12, 6, 6), np.uint8), tmp_path / "pack")
    for name in ("train-images-idx3", "t10k-images-idx3", "train-labels-idx1", "t10k-labels-idx1"):
        (tmp_path / "pack" / f"{name}-ubyte").write_bytes(b"")
    assert len(read(tmp_path / "pack").train) == 12


def test_nothing_is_written_into_a_source(tmp_path, monkeypatch, capsys):
    put(tmp_path / "photos", range(1, 20))
    monkeypatch.chdir(tmp_path / "photos")
    assert main(["data", "."]) == main(["data", "../photos"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contact-sheet-2.png", "contact-sheet.png", "photos"]
    assert len(list((tmp_path / "photos").iterdir())) == 19


def test_splits_below_labels_are_refused_with_both_readings(tmp_path):
    for thing in ("cup", "hat"):
        put(tmp_path / thing / "train" / "good", [100])
        put(tmp_path / thing / "test" / "good", [200])
    with pytest.raises(LunetteError, match=r"train and test in them \(cup, hat\), which may be data sets of their own"):
        read(tmp_path)
    assert values(read(tmp_path / "cup").test) == [200]


def test_links_that_multiply_are_read_once(tmp_path):
    put(tmp_path / "0", [100, 101])
    for i in range(1, 8):
        (tmp_path / str(i)).mkdir()
        for side in "ab":
            (tmp_path / str(i) / side).symlink_to(tmp_path / str(i - 1))
    with pytest.warns(LunetteWarning, match="links to folders that are read already: 14"):
        assert values(read(tmp_path).train) == [100, 101]


def test_a_split_without_labels_adds_no_label(tmp_path):
    put(tmp_path / "set" / "train" / "b", [101, 102, 103])
    put(tmp_path / "set" / "test", [120])
    pack(tmp_path / "set", tmp_path / "pack")
    for source in ("set", "pack"):
        parts = read(tmp_path / source)
        assert (parts.train.label_names, parts.test.label_names) == (("b",), ())


def test_grey_frames_of_an_animation_are_grey(tmp_path):
    frames = [Image.fromarray(np.full((8, 8), 40 * i, np.uint8)) for i in range(1, 6)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read(tmp_path, DataSettings(frames="all")).train.shape == (1, 8, 8)


def test_a_folder_of_other_files_is_refused_with_the_lines_for_one(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"x")
    with pytest.raises(LunetteError, match="pandas.read_parquet"), pytest.warns(LunetteWarning):
        read(tmp_path)


def test_numbers_that_are_not_finite_are_damage(tmp_path):
    put(tmp_path, range(100, 130))
    Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(tmp_path / "nan.tif")
    for settings in (DataSettings(), DataSettings(range="0,255")):
        with pytest.warns(LunetteWarning, match=r"nan\.tif \(ValueError: some of its numbers are not finite\)"):
            assert len(read(tmp_path, settings).train) == 30
