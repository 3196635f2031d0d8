"""IDX files, written by hand byte for byte."""

import gzip
import struct

import numpy as np
import pytest
from idx_files import idx, write_set

from lunette.errors import LunetteError
from lunette.images import DataSettings, load, read
from lunette.images.sources.idx import parse, read_bytes


def test_a_header_is_big_endian():
    data = struct.pack(">HBBIII", 0, 8, 3, 1, 2, 3) + bytes([10, 20, 30, 40, 50, 60])
    assert parse(data, "x").tolist() == [[[10, 20, 30], [40, 50, 60]]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no IDX file.*nothing"),
        (b"\x89PNG\r\n", "no IDX file.*89 50 4e 47"),
        (idx(np.zeros((2, 2)), kind=0x0D), "no IDX file of unsigned bytes"),
        (idx(np.zeros((2, 2, 2)))[:9], "within its header"),
        (idx(np.zeros((2, 2, 2)))[:-1], "should hold 2 × 2 × 2 bytes and holds 7"),
        (idx(np.zeros((2, 2, 2))) + b"!", "holds 9"),
    ],
)
def test_damaged_files_are_refused_by_name(data, message):
    with pytest.raises(LunetteError, match=f"(?s)^some/file .*{message}"):
        parse(data, "some/file")


def test_a_truncated_gz_is_refused(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.arange(90).reshape(10, 3, 3)))[:-12])
    with pytest.raises(LunetteError, match=r"cannot read .*train-images-idx3-ubyte\.gz"):
        read_bytes(path)


@pytest.mark.parametrize("pack", [False, True])
def test_a_folder_of_the_four_names_keeps_its_test_split(tmp_path, pack):
    train = write_set(tmp_path, range(10), [1, 2, 3], pack)
    dataset = load(tmp_path, DataSettings(validation=0.2))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (8, 2, 3)
    assert dataset.train.label_names == dataset.test.label_names == tuple("0123456789")
    assert dataset.test.labels.tolist() == [1, 2, 3]
    assert read(tmp_path).train.pixels[:, 0].numpy().tolist() == train.tolist()


def test_a_label_that_only_one_split_has_shifts_no_other(tmp_path):
    write_set(tmp_path, [10, 2, 2], [9, 10, 2])
    parts = read(tmp_path)
    train, test = parts.train, parts.test
    assert train.label_names == test.label_names == ("2", "9", "10")
    assert train.labels.tolist() == [2, 0, 0]
    assert test.labels.tolist() == [1, 2, 0]


@pytest.mark.parametrize("stem", ["{}-{}-idx{}-ubyte", "{}-{}.idx{}-ubyte"])
def test_one_file_brings_the_labels_beside_it(tmp_path, stem):
    pixels = write_set(tmp_path, [7, 5, 7], [1], stem=stem)
    path = tmp_path / stem.format("train", "images", 3)
    parts = read(path)
    images, test = parts.train, parts.test
    assert test is None
    assert images.pixels[:, 0].numpy().tolist() == pixels.tolist()
    assert [images.label_names[i] for i in images.labels] == ["7", "5", "7"]
    (tmp_path / stem.format("train", "labels", 1)).unlink()
    assert read(path).train.labels is None


def test_labels_that_do_not_fit_are_refused(tmp_path):
    write_set(tmp_path, [7, 5, 7], [1])
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.array([1, 2])))
    with pytest.raises(LunetteError, match="3 pictures and labels of shape"):
        load(tmp_path)
