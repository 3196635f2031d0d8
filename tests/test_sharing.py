"""Several processes encode and pack: the same as by one, and nothing half-written when one of them is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lunette.compute import ProcessGroup, are_to_launch
from lunette.errors import LunetteError, LunetteWarning
from lunette.images import DataSettings, Images, files_of, join_shares, read, write_share
from lunette.uses.data.pack import pack
from lunette.uses.draw.latents import latents
from lunette.uses.train import train
from test_processes import finished, lunette

STREAM = np.random.default_rng(0)
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "lunette"]


def torchrun(*args):
    return subprocess.run([sys.executable, *TORCHRUN, *map(str, args)], capture_output=True, text=True, check=False)


def noise(*shape):
    return STREAM.integers(0, 256, shape, dtype=np.uint8)


def picture(path, *shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(*(shape or (6, 5)))).save(path)


def folder_of(path, n=40):
    for i in range(n):
        picture(path / ("b" if i < n // 3 else "c") / f"{i:03}.png")
    return path


def tars_of(folder, out, labelled=(True, True, True)):
    """As many tars as `labelled` says, with the pictures of a folder in their order."""
    files = sorted(folder.rglob("*.png"))
    out.mkdir()
    for i, label in enumerate(labelled):
        part = out / "part"
        part.mkdir()
        for path in files[len(files) * i // len(labelled) : len(files) * (i + 1) // len(labelled)]:
            (part / path.name).write_bytes(path.read_bytes())
            if label:
                (part / path.name).with_suffix(".cls").write_text(path.parent.name)
        names = sorted(path.name for path in part.iterdir())
        subprocess.run(["tar", "-cf", out / f"{i}.tar", "-C", part, *names], check=True)
        for path in part.iterdir():
            path.unlink()
        part.rmdir()
    return out


def same(a, b):
    """Whether two packs hold the same pictures and labels in the same order."""
    a, b = read(a).train, read(b).train
    assert a.shape == b.shape
    assert torch.equal(a.pixels[:], b.pixels[:])
    assert torch.equal(a.labels, b.labels)
    assert a.label_names == b.label_names


def in_shares(source, out, n, settings=DataSettings()):  # noqa: B008
    """What `n` processes do, one after another in this one."""
    files = files_of(source, settings, False, n)
    out.mkdir()
    shares = []
    for rank in range(n):
        mine = files.share(ProcessGroup(rank, n).share(len(files.paths)))
        shares.append(write_share(out, f"-{rank}", mine, settings, False))
    join_shares(out, files, shares, settings, False)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train("vae", out=tmp_path_factory.mktemp("sharing") / "run", epochs=1, pictures=0, network="mlp:16")


def test_shares_are_all_in_their_order():
    for n, size in ((7, 3), (2, 5), (0, 2), (6, 6)):
        assert [i for rank in range(size) for i in range(n)[ProcessGroup(rank, size).share(n)]] == list(range(n))


def test_one_process_is_not_launched():
    assert [are_to_launch(n) for n in (None, 1, 2)] == [False, False, True]
    with pytest.raises(LunetteError, match="at least 1, not 0"):
        are_to_launch(0)


def test_two_processes_encode_as_one(run, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    images = Images(torch.from_numpy(noise(2500, 1, 8, 8)), torch.arange(2500) % 3, ("x", "y", "z"))
    one, two = (latents(run, images, processes=n) for n in (None, 2))
    assert np.array_equal(one.codes, two.codes)
    assert np.array_equal(one.labels, two.labels)
    assert one.label_names == two.label_names


def test_torchrun_encodes_less_than_a_batch_each(run, tmp_path):
    done = torchrun("latents", run.path, "--processes", 2, "-o", "codes.png", "--npz", "codes.npz")
    assert done.stdout.split() == ["codes.png", "codes.npz"], done.stderr
    with np.load("codes.npz") as arrays:
        assert np.array_equal(arrays["codes"], latents(run).codes)
    alone = lunette("latents", run.path, "--processes", 3, environment={"WORLD_SIZE": "2", "RANK": "0"})
    assert "asks for 3 processes, and 2 were launched" in finished(alone, code=2)


def test_a_program_may_share_several_things(run, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, lunette\n"
        "run = lunette.train('vae', out='trained', epochs=1, pictures=0, network='mlp:8', progress=False)\n"
        "n = len(lunette.latents(run).codes) + len(lunette.latents(sys.argv[1]).codes)\n"
        "sys.stdout.write(f'{n}\\n')"  # print writes twice, and the two processes' lines would run into each other
    )
    command = [sys.executable, *TORCHRUN[:-2], program, run.path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["360", "360"]  # the second has the one batch, and the first is given it


@pytest.mark.parametrize("encoded", [[], ["--encoded"]])
def test_two_processes_pack_as_one(tmp_path, encoded):
    source = folder_of(tmp_path / "source")
    picture(source / "z.png", 6, 5, 3)  # colour after grey, in the second share
    (source / "a.png").write_bytes(b"no picture")
    (source / "notes.txt").write_text("")
    with pytest.warns(LunetteWarning):
        pack(source, tmp_path / "one", encoded=bool(encoded))
    told = finished(lunette("data", "pack", source, "-o", "two", "--processes", 2, *encoded))
    assert told.count("1 of 42 pictures") == told.count("no pictures: 1 (notes.txt)") == 1
    assert told.count("sha256") == 1
    same(tmp_path / "one", tmp_path / "two")
    index = json.loads((tmp_path / "two" / "pack.json").read_text())
    assert [shard["pictures"] for shard in index["parts"]["train"]["shards"]] == [20, 21]


def test_torchrun_packs_tars_as_one_process_does(tmp_path):
    source = tars_of(folder_of(tmp_path / "source"), tmp_path / "tars")
    pack(source, tmp_path / "one", size="4x3", channels=3)
    flags = ["--size", "4x3", "--channels", 3, "--processes", 2]
    done = torchrun("data", "pack", source, "-o", tmp_path / "two", *flags)
    assert done.stdout.count("sha256") == 1, done.stderr
    same(tmp_path / "one", tmp_path / "two")


def test_what_is_wrong_between_shares_is_told_as_within_one(tmp_path):
    source = folder_of(tmp_path / "source")
    tars = tars_of(source, tmp_path / "tars", labelled=(True, True, False))
    with pytest.raises(LunetteError, match=r"2\.tar/.* has no label, unlike those before it"):
        in_shares(tars, tmp_path / "a", 3)
    (source / "b" / "000.png").write_bytes(b"")
    (source / "b" / "001.png").write_bytes(b"")
    with pytest.warns(LunetteWarning, match="2 of 40"):  # more than 5 % of a share, and not of all
        in_shares(source, tmp_path / "b", 4)
    for path in (source / "c").iterdir():
        picture(path, 7, 5)
    with pytest.raises(LunetteError, match=r"002\.png is 5×6 and .*\.png is 5×7 .*--size"):
        in_shares(source, tmp_path / "c", 3)


def test_what_cannot_be_shared_is_refused(run, tmp_path):
    source = folder_of(tmp_path / "source", 3)
    with pytest.raises(LunetteError, match="4 processes cannot share 3 files"):
        pack(source, tmp_path / "pack", processes=4)
    with pytest.raises(LunetteError, match="no picture files to share .*without --processes"):
        pack("moons", tmp_path / "pack", processes=2)
    told = finished(lunette("latents", run.path, "--images", source / "b" / "000.png", "--processes", 2), code=2)
    assert "2 processes cannot share 1 pictures" in told
    picture(source / "c" / "large.png", 9, 9)
    told = finished(lunette("data", "pack", source, "-o", "pack", "--processes", 2), code=2)
    assert "pictures have different sizes" in told
    assert "nothing was written: start it again" in told
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def two_packing(tmp_path):
    """A launcher whose two processes have begun to write a pack that takes them long."""
    picture(tmp_path / "large.png", 600, 600)
    (tmp_path / "source").mkdir()
    for i in range(3000):
        os.link(tmp_path / "large.png", tmp_path / "source" / f"{i:04}.png")
    launcher = lunette("data", "pack", "source", "-o", "pack", "--processes", 2)
    while len(list(tmp_path.glob(".pack.*.partial/*.npy"))) < 2:
        assert launcher.poll() is None
        time.sleep(0.02)
    return launcher


def children(launcher):
    return sorted(map(int, Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("which", [0, 1])
def test_a_killed_process_leaves_nothing_of_a_pack(tmp_path, which):
    launcher = two_packing(tmp_path)
    os.kill(children(launcher)[which], signal.SIGKILL)
    assert "were killed by SIGKILL; nothing was written: start it again" in finished(launcher, code=2)
    assert {path.name for path in tmp_path.iterdir()} == {"large.png", "source"}


def test_sigterm_leaves_nothing_of_a_pack(tmp_path):
    launcher = two_packing(tmp_path)
    launcher.send_signal(signal.SIGTERM)
    assert "SIGTERM: nothing was written" in finished(launcher, code=143)
    assert {path.name for path in tmp_path.iterdir()} == {"large.png", "source"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_process_ends_encoding(run, tmp_path):
    launcher = lunette("latents", run.path, "--processes", 2, "-o", "codes.png")
    while len(children(launcher)) < 2:
        time.sleep(0.02)
    os.kill(children(launcher)[1], signal.SIGKILL)
    assert "killed by SIGKILL; nothing was written" in finished(launcher, code=2)
    assert not list(tmp_path.iterdir())
