"""Packs: the same pictures as in memory, read from the disk; what is damaged is named; memory stays flat."""

import errno
import io
import json
import os
import pickle
import re
import subprocess
import sys
import tarfile
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
import torch
from idx_files import write_set
from PIL import Image

from lunette.errors import LunetteError, LunetteWarning
from lunette.images import DataSettings, Images, load, pictures, read
from lunette.images.packs import packed, shards
from lunette.progress import watched
from lunette.uses.data.pack import pack

STREAM = np.random.default_rng(0)
N = 40
SIZES = {"several shards": 200, "one shard": 2**28}


def noise(*shape):
    return STREAM.integers(0, 256, shape, dtype=np.uint8)


def encoded_picture(pixels, form="png"):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, form)
    return data.getvalue()


def folder_of(path, n=N, labels=("b", "a"), shape=(6, 5)):
    for i in range(n):
        file = path / labels[i % len(labels)] / f"{i:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded_picture(noise(*shape)))
    return path


def tar_of(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def tar_members(folder, cls=lambda name: name):
    """What a folder holds, as a webdataset would."""
    for i, path in enumerate(sorted(folder.rglob("*.png"))):
        yield f"{i:06}.png", path.read_bytes()
        yield f"{i:06}.cls", cls(path.parent.name).encode()
        yield f"{i:06}.json", b"{}"


def archive(path):
    np.savez(path, images=noise(N, 6, 5, 3), labels=noise(N) % 7, x_test=noise(9, 6, 5, 3), y_test=np.arange(9))
    return path


SOURCES = {
    "folder": folder_of,
    "IDX": lambda path: write_set(path, [i % 4 for i in range(N)], [3, 1, 2]) is None or path,
    "npz": lambda path: archive(path.with_suffix(".npz")),
    "moons": lambda _: "moons",
}


def same(of_pack, whole):
    """Whether every split of two data sets is the same."""
    for name in ("train", "validation", "test"):
        a, b = getattr(of_pack, name), getattr(whole, name)
        assert isinstance(a.pixels, packed.PackedPixels)
        assert a.pixels.shape == b.pixels.shape
        assert torch.equal(a.pixels[:], b.pixels[:])
        assert a.label_names == b.label_names
        assert (a.labels is None and b.labels is None) or torch.equal(a.labels, b.labels)
        assert a.factors.keys() == b.factors.keys()
        assert all(torch.equal(a.factors[key], b.factors[key]) for key in a.factors)
    facts = ("shape", "train", "validation", "test", "split")
    assert [of_pack.facts[key] for key in facts] == [whole.facts[key] for key in facts]


@pytest.fixture(params=SIZES)
def _shards(request, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", SIZES[request.param])


@pytest.mark.usefixtures("_shards")
@pytest.mark.parametrize("kind", SOURCES)
def test_a_pack_is_its_source_in_every_split(tmp_path, kind):
    source = SOURCES[kind](tmp_path / "source")
    if kind == "moons" and shards.SHARD_BYTES == 200:
        source = read("moons").train.take(slice(0, 50))
    pack(source, tmp_path / "pack")
    same(load(tmp_path / "pack"), load(source))


@pytest.mark.parametrize("settings", [{"size": "4x8", "fit": "pad", "channels": 3}, {"size": 3}])
@pytest.mark.parametrize("encoded", [False, True])
def test_sizes_and_channels_apply_as_in_memory(tmp_path, settings, encoded):
    source = folder_of(tmp_path / "source")
    (source / "a" / "wide.png").write_bytes(encoded_picture(noise(9, 20)))
    (source / "c").mkdir()
    (source / "c" / "colour.png").write_bytes(encoded_picture(noise(12, 7, 3)))
    settings = DataSettings(**settings)
    pack(source, tmp_path / "pack", encoded, **asdict(settings))
    same(load(tmp_path / "pack"), load(source, settings))
    assert load(tmp_path / "pack", settings).train.shape == load(tmp_path / "pack").train.shape


@pytest.mark.usefixtures("_shards")
@pytest.mark.parametrize("encoded", [False, True])
def test_colour_after_grey_makes_all_colour(tmp_path, encoded):
    source = folder_of(tmp_path / "source")
    (source / "z").mkdir()
    (source / "z" / "colour.png").write_bytes(encoded_picture(noise(6, 5, 3)))
    assert pack(source, tmp_path / "pack", encoded=encoded)["shape"] == [3, 6, 5]
    same(load(tmp_path / "pack"), load(source))


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_tars_are_the_folder_that_they_hold(tmp_path, encoded, several, recwarn):
    source = folder_of(tmp_path / "source")
    members = list(tar_members(source))
    if several:
        tar_of(tmp_path / "tars" / "0.tar", members[:30])
        tar_of(tmp_path / "tars" / "1.tar", members[30:])
    else:
        tar_of(tmp_path / "tars.tar", members)
    pack(tmp_path / ("tars" if several else "tars.tar"), tmp_path / "pack", encoded=encoded)
    same(load(tmp_path / "pack"), load(source))
    assert not recwarn.list


def test_class_indices_keep_their_order_and_no_labels_stay_none(tmp_path):
    pictures = [encoded_picture(noise(4, 4)) for _ in range(4)]
    classes = [b"10", b"2\n", b"2", b"0"]
    both = [(f"d/{i}.{key}", data) for i in range(4) for key, data in (("jpg", pictures[i]), ("cls", classes[i]))]
    pack(tar_of(tmp_path / "a.tar", both), tmp_path / "a")
    images = read(tmp_path / "a").train
    assert (images.labels.tolist(), images.label_names) == ([2, 1, 1, 0], ("0", "2", "10"))
    pack(tar_of(tmp_path / "b.tar", both[::2]), tmp_path / "b")
    assert read(tmp_path / "b").train.labels is None
    tar_of(tmp_path / "c.tar", both[:2] + both[2::2])
    with pytest.raises(LunetteError, match=r"c\.tar/d/1 has no label, unlike those before it"):
        pack(tmp_path / "c.tar", tmp_path / "c")


def test_a_damaged_tar_and_one_in_place_of_a_source(tmp_path):
    whole = tar_of(tmp_path / "a.tar", [(f"{i}.png", encoded_picture(noise(30, 30))) for i in range(4)]).read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[:2000])
    with pytest.raises(LunetteError, match=r"cannot read .*a\.tar as a tar archive"):
        pack(tmp_path / "a.tar", tmp_path / "pack")
    with pytest.raises(LunetteError, match=r"lunette data pack .*a\.tar"):
        load(tmp_path / "a.tar")
    tar_of(tmp_path / "b.tar", [("1.txt", b"")])
    with pytest.raises(LunetteError, match=r"b\.tar has no pictures among 1 files"), pytest.warns(LunetteWarning):
        pack(tmp_path / "b.tar", tmp_path / "pack")


def test_damaged_pictures_are_left_out_as_in_memory(tmp_path):
    source = folder_of(tmp_path / "source")
    (source / "a" / "001.png").write_bytes(b"no picture")
    (source / "notes.txt").write_text("")
    (source / ".hidden.png").write_bytes(b"")
    with pytest.warns(LunetteWarning) as caught:
        pack(source, tmp_path / "pack")
    words = [str(w.message) for w in caught]
    assert "no pictures: 1 (notes.txt)" in words[0]
    assert "1 of 40 pictures" in words[1]
    assert f"{os.path.join('a', '001.png')} (UnidentifiedImageError" in words[1]  # noqa: PTH118
    with pytest.warns(LunetteWarning):
        same(load(tmp_path / "pack"), load(source))
    for name in ("003", "005"):
        (source / "a" / f"{name}.png").write_bytes(b"")
    with pytest.raises(LunetteError, match=r"3 of 40 .* more than 5 %"), pytest.warns(LunetteWarning):
        pack(source, tmp_path / "other")


def test_sizes_that_differ_are_refused_and_nothing_stays(tmp_path):
    source = folder_of(tmp_path / "source", 4)
    (source / "b" / "x.png").write_bytes(encoded_picture(noise(7, 5)))
    for encoded in (False, True):
        with pytest.raises(LunetteError, match=r"001\.png is 5×6 and .*x\.png is 5×7 .*--size"):
            pack(source, tmp_path / "pack", encoded=encoded)
    assert [p.name for p in tmp_path.iterdir()] == ["source"]


def test_what_is_no_file_cannot_be_kept_encoded(tmp_path):
    with pytest.raises(LunetteError, match="no picture files to keep encoded"):
        pack("digits", tmp_path / "pack", encoded=True)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A pack of three shards, and its pixels in memory."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 14 * 30)
    pixels = torch.from_numpy(noise(N, 1, 6, 5))
    pack(Images(pixels, torch.arange(N)), tmp_path / "pack")
    return tmp_path / "pack", pixels


def test_pixels_are_cut_like_a_tensor(made):
    folder, pixels = made
    lazy = read(folder).train.pixels
    assert (len(lazy), lazy.shape) == (N, pixels.shape)
    views = [(lazy, pixels), (lazy.take(slice(5, 35)), pixels[5:35])]
    index = torch.tensor([39, 0, 14, 14, 13, 28, 27])
    views += [(lazy.take(index), pixels[index]), (lazy.take(slice(30, 3)), pixels[:0])]
    views += [(load(folder).train.pixels, load(Images(pixels)).train.pixels)]
    for view, whole in views:
        assert view.shape == whole.shape
        for cut in (slice(None), slice(3, 6), slice(-4, None), slice(9, 2)):
            assert torch.equal(view[cut], whole[cut])
            assert torch.equal(view.take(cut)[:], whole[cut])
        for cut in (
            torch.tensor([2, 0, 2]),
            torch.tensor([], dtype=torch.int64),
            torch.arange(N)[: len(whole)] % 2 == 0,
        ):
            if cut.dtype == torch.bool or len(whole) > 2:
                assert torch.equal(view[cut], whole[cut])
                assert torch.equal(view.take(cut)[:], whole[cut])
    for wrong in (-1, N):
        with pytest.raises(IndexError):
            lazy[torch.tensor([wrong])]


def test_shards_are_plain_arrays(made):
    folder, pixels = made
    index = json.loads((folder / "pack.json").read_text())
    names = [shard["data"]["name"] for shard in index["parts"]["train"]["shards"]]
    assert names == ["train-00000.npy", "train-00001.npy", "train-00002.npy"]
    arrays = [np.load(folder / name, mmap_mode="r") for name in names]
    assert [a.shape for a in arrays] == [(14, 1, 6, 5), (14, 1, 6, 5), (12, 1, 6, 5)]
    assert np.array_equal(np.concatenate(arrays), pixels.numpy())
    assert np.load(folder / "train-labels.npy").tolist() == list(range(N))


def test_offsets_say_where_encoded_pictures_lie(tmp_path):
    source = folder_of(tmp_path / "source", 6, labels=("a",))
    pack(source, tmp_path / "pack", encoded=True)
    data, offsets = (tmp_path / "pack" / f"train-00000.{end}" for end in ("bin", "offsets.npy"))
    ends = np.load(offsets)
    files = [data.read_bytes()[a:b] for a, b in pairwise(ends)]
    assert files == [path.read_bytes() for path in sorted(source.rglob("*.png"))]


def test_views_are_lazy_and_pickle_without_pixels(made, monkeypatch):
    folder, pixels = made
    train = load(folder).train.pixels
    monkeypatch.setattr(packed.Shards, "gather", None)
    part = train.take(slice(1, 20)).take(slice(2, 9))
    data = pickle.dumps(part)
    assert len(data) < 3000
    monkeypatch.undo()
    assert torch.equal(pickle.loads(data)[:], load(Images(pixels)).train.pixels[3:10])


def test_a_relative_pack_is_found_from_another_folder(made, monkeypatch):
    folder, pixels = made
    monkeypatch.chdir(folder.parent)
    images = read(folder.name).train
    monkeypatch.chdir("/")
    assert torch.equal(images.pixels[:], pixels)


def test_the_facts_name_the_index(made):
    folder, _ = made
    before = load(folder).facts["sha256"]
    assert before == packed.sha256_of(folder / "pack.json")
    (folder / "pack.json").write_text((folder / "pack.json").read_text() + " ")
    assert load(folder).facts["sha256"] != before


def test_another_size_needs_another_pack(made):
    folder, _ = made
    assert read(folder, DataSettings(size="6x5", channels=1)).train.shape == (1, 6, 5)
    for settings in (DataSettings(size=6), DataSettings(channels=3)):
        with pytest.raises(LunetteError, match=r"holds pictures of 1 × 6 × 5 .*pack the source anew"):
            load(folder, settings)


def test_a_pack_of_a_pack_is_the_same(made, tmp_path):
    folder, _ = made
    pack(folder, tmp_path / "again")
    assert (tmp_path / "again" / "pack.json").read_bytes() == (folder / "pack.json").read_bytes()


@pytest.mark.parametrize("name", ["train-00001.npy", "train-labels.npy"])
def test_damage_is_named_with_what_to_do(made, name):
    folder, _ = made
    path = folder / name
    whole = path.read_bytes()
    for damaged, words in (
        (whole[:-1] + bytes([whole[-1] ^ 1]), "is damaged"),
        (whole[:-9], f"has {len(whole) - 9:,} bytes, and the pack says {len(whole):,}"),
        (None, "is missing from the pack"),
    ):
        path.unlink()
        if damaged is not None:
            path.write_bytes(damaged)
        with pytest.raises(LunetteError, match=rf"{name} {words}.*: restore the file, or pack again"):
            load(folder)


def test_a_look_at_a_pack_leaves_its_sums_unchecked(made):
    folder, _ = made
    data = bytearray((folder / "train-00000.npy").read_bytes())
    data[-1] ^= 1
    (folder / "train-00000.npy").write_bytes(data)
    load(folder, check=False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{", "", ),
        ('"format": 1', '"format": 2'),
        ('"pictures": 14', '"pictures": 15'),
        ('"kind": "pixels"', '"kind": "encoded"'),
        ('"train"', '"trail"'),
        ('"sha256"', '"sha"'),
    ],
)  # fmt: skip
def test_a_damaged_index_is_named(made, old, new):
    folder, _ = made
    index = folder / "pack.json"
    index.write_text(without_digest(index.read_text()).replace(old, new))
    with pytest.raises(LunetteError, match=r"pack\.json cannot be read as a pack's list of files .*pack again"):
        load(folder)


def without_digest(text):
    """What pack.json was before it had a digest of its own."""
    return re.sub(r',\n "sha256": "\w+"\n}', "\n}", text)


def test_label_names_that_changed_are_told_and_older_packs_open(tmp_path):
    pack(folder_of(tmp_path / "source", labels=("dog", "cat")), tmp_path / "pack")
    index = tmp_path / "pack" / "pack.json"
    text = index.read_text()
    index.write_text(text.replace('"cat"', '"cow"'))
    with pytest.raises(LunetteError, match=r"pack\.json .*its content is not what it was written with.*pack again"):
        load(tmp_path / "pack")
    index.write_text(without_digest(text))
    assert load(tmp_path / "pack").train.label_names == ("cat", "dog")


def test_a_record_that_does_not_decode_is_named(tmp_path, monkeypatch):
    pack(folder_of(tmp_path / "source", 6), tmp_path / "pack", encoded=True)
    pixels = read(tmp_path / "pack").train.pixels
    monkeypatch.setattr(pictures, "opened", lambda _: 1 / 0)
    with pytest.raises(LunetteError, match=r"record 2 of .*train-00000\.bin cannot be decoded \(ZeroDivisionError"):
        pixels[2:3]


def test_what_is_there_is_not_overwritten(made):
    folder, _ = made
    before = (folder / "pack.json").read_bytes()
    with pytest.raises(LunetteError, match="exists already: choose another folder"):
        pack("digits", folder)
    assert (folder / "pack.json").read_bytes() == before
    (folder.parent / "empty").mkdir()
    pack("digits", folder.parent / "empty")
    assert len(read(folder.parent / "empty").train) == 1797


@pytest.mark.parametrize("encoded", [False, True])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch, encoded):
    source = folder_of(tmp_path / "source")

    def refuse(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(LunetteError, match=r"cannot write .*pack: the disk is full"):
        pack(source, tmp_path / "pack", encoded=encoded)
    assert [p.name for p in tmp_path.iterdir()] == ["source"]


def test_the_watch_sees_all_pictures(tmp_path):
    seen = []
    with watched(lambda at: seen.append((at.done, at.total))):
        pack(folder_of(tmp_path / "source"), tmp_path / "pack")
    assert seen == [(i, N) for i in range(1, N + 1)]


MEMORY = """
import sys, torch
from pathlib import Path
from dataclasses import asdict
from lunette.images import read
from lunette.images.packs import packed
packed.RESIDENT_BYTES = 2**24
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) / 1024
pixels = read(sys.argv[1]).train.pixels
before = peak()
index = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
for rows in index.split(64):
    pixels[rows]
for start in range(0, len(pixels), 64):
    pixels[start : start + 64]
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_reading_keeps_memory_flat(tmp_path):
    large = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, (6400, 3, 128, 128))  # 300 MiB
    large[::100] = 7
    del large
    pack(tmp_path / "a.npy", tmp_path / "pack")
    script = [sys.executable, "-c", MEMORY, str(tmp_path / "pack")]
    grown = float(subprocess.run(script, capture_output=True, text=True, check=True).stdout)
    assert grown < 60
