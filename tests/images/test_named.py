"""Named sets: the real files where they are at hand, and downloads from a server of our own."""

import gzip
import hashlib
import os
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import platformdirs
import pytest
import torch
from idx_files import write_set

from lunette.errors import LunetteError
from lunette.images import load, read
from lunette.images.sources.named import FILES, NAMED


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A small "mnist" behind a loopback server, as the second mirror, and an empty cache; both folders."""
    site, cache = tmp_path / "site", tmp_path / "cache"
    write_set(site, range(10), [3, 1], pack=True)
    sums = tuple(hashlib.sha256(gzip.decompress((site / f"{f}.gz").read_bytes())).hexdigest() for f in FILES)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setitem(NAMED, "mnist", replace(NAMED["mnist"], mirrors=(f"{address}gone/", address), sha256=sums))
    monkeypatch.delenv("LUNETTE_DATA", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda app: cache / app)
    yield site, cache / "lunette" / "mnist"
    server.shutdown()
    server.server_close()


def test_a_download_tries_mirrors_in_turn_and_is_kept(served):
    site, cache = served
    parts = read("mnist")
    train, test = parts.train, parts.test
    assert (len(train), len(test), test.labels.tolist()) == (10, 2, [3, 1])
    assert sorted(p.name for p in cache.iterdir()) == sorted(f"{f}.gz" for f in FILES)
    for file in site.iterdir():
        file.unlink()
    assert torch.equal(read("mnist").train.pixels, train.pixels)


def test_wrong_bytes_leave_no_file_behind(served):
    site, cache = served
    (site / f"{FILES[0]}.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(LunetteError, match=r"sent other bytes.*LUNETTE_DATA") as error:
        load("mnist")
    assert "\n" not in str(error.value)
    assert not list(cache.parent.rglob("*.*"))


def test_a_damaged_answer_is_no_traceback(served):
    site, cache = served
    path = site / f"{FILES[0]}.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(LunetteError, match="cannot download mnist"):
        load("mnist")
    assert not list(cache.parent.rglob("*.*"))


@pytest.mark.usefixtures("served")
def test_no_mirror_says_which_files_go_where(monkeypatch):
    monkeypatch.setitem(NAMED, "mnist", replace(NAMED["mnist"], mirrors=("http://127.0.0.1:9/",)))
    with pytest.raises(LunetteError, match=r"train-images-idx3-ubyte\.gz, .*t10k-labels.*mnist/ and set LUNETTE_DATA"):
        load("mnist")


@pytest.mark.parametrize("place", ["mnist", "MNIST/raw"])
def test_files_are_found_under_lunette_data(served, monkeypatch, tmp_path, place):
    write_set(tmp_path / "data" / place, range(10), [3, 1])
    monkeypatch.setenv("LUNETTE_DATA", str(tmp_path / "data"))
    assert read("mnist").test.labels.tolist() == [3, 1]
    assert not served[1].exists()


@pytest.mark.usefixtures("served")
def test_a_changed_file_is_named(monkeypatch, tmp_path):
    folder = tmp_path / "data" / "mnist"
    write_set(folder, range(10), [3, 1])
    path = folder / FILES[2]
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    monkeypatch.setenv("LUNETTE_DATA", str(tmp_path / "data"))
    with pytest.raises(LunetteError, match=rf"{FILES[2]} is not mnist's .*SHA-256"):
        load("mnist")


@pytest.fixture(params=["mnist", "fashion-mnist"])
def real(request):
    if not os.environ.get("LUNETTE_DATA"):
        pytest.skip("LUNETTE_DATA is not set")
    return request.param


def test_the_real_sets(real):
    data = load(real)
    assert (len(data.train), len(data.validation), len(data.test)) == (55_000, 5_000, 10_000)
    assert data.train.shape == (1, 28, 28)
    assert torch.bincount(data.test.labels).min() >= (1000 if real == "fashion-mnist" else 892)
    parts = read(real)
    train, test = parts.train, parts.test
    assert torch.equal(data.test.pixels, test.pixels)
    mean, std = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}[real]
    x = train.pixels.float() / 255
    assert (round(float(x.mean()), 4), round(float(x.std()), 4)) == (mean, std)
    first = {"mnist": [5, 0, 4, 1, 9], "fashion-mnist": [9, 0, 0, 3, 0]}[real]
    assert train.labels[:5].tolist() == first
    counts = {
        "mnist": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        "fashion-mnist": [6000] * 10,
    }
    assert torch.bincount(train.labels).tolist() == counts[real]


def test_the_shared_folder_is_also_a_folder_of_idx_files(real):
    folder = Path(os.environ["LUNETTE_DATA"]) / real
    if not folder.is_dir():
        pytest.skip("in another layout")
    assert torch.equal(read(folder).test.labels, read(real).test.labels)
