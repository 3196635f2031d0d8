"""Training pictures from memory, packs of pixels and packs of encoded files: the same numbers from each."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lunette.errors import LunetteError
from lunette.images import load
from lunette.progress import watched
from lunette.training import Step
from lunette.training.loader import Loader
from lunette.uses.data.pack import pack
from lunette.uses.train import train

CPU = torch.device("cpu")
SETTINGS = {"epochs": 2, "pictures": 0, "network": "mlp:16", "latent": 2, "batch_size": 16}


@pytest.fixture
def folder(tmp_path):
    """Forty-five pictures of 8×8 pixels in files."""
    made = tmp_path / "folder"
    made.mkdir()
    for i, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (45, 8, 8), np.uint8)):
        Image.fromarray(pixels).save(made / f"{i:02d}.png")
    return made


def packed(folder, encoded):
    out = folder.parent / f"pack-{encoded}"
    pack(folder, out, encoded)
    return out


def test_memory_and_packs_train_alike(folder):
    losses = []
    for source in (folder, packed(folder, False), packed(folder, True)):
        run = train("vae", source, out=folder.parent / f"run-{source.name}", **SETTINGS)
        losses.append([row["loss"] for row in run.metrics()])
    assert losses[0] == losses[1] == losses[2]


@pytest.mark.parametrize("encoded", [False, True])
def test_batches_come_in_the_order_that_is_asked(folder, encoded):
    expected = load(folder).train
    feed = Loader(load(packed(folder, encoded)).train, CPU)
    indices = [torch.tensor([3, 1, 4, 1]), torch.tensor([0]), torch.arange(20)]
    for index, (pixels, labels) in zip(indices, feed(iter(indices)), strict=True):
        assert pixels.equal(expected.pixels[index])
        assert labels is None


def test_a_record_that_cannot_be_decoded_is_named(folder):
    source = packed(folder, True)
    shard = source / "train-00000.bin"
    data = load(source)
    shard.write_bytes(bytes(shard.stat().st_size))  # after the pack was opened and found whole
    with pytest.raises(LunetteError, match=r"^record \d+ of .*train-00000.bin cannot be decoded"):
        list(Loader(data.train, CPU)(iter([torch.arange(len(data.train))])))


def test_damaged_and_missing_shards_are_named_before_anything_is_written(folder, tmp_path):
    source = packed(folder, False)
    shard = source / "train-00000.npy"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(LunetteError, match=r"train-00000.npy is damaged"):
        train("vae", source, out=tmp_path / "run", **SETTINGS)
    shard.unlink()
    with pytest.raises(LunetteError, match=r"train-00000.npy is missing"):
        train("vae", source, out=tmp_path / "run", **SETTINGS)
    assert not (tmp_path / "run").exists()


def test_a_worker_that_dies_ends_training_and_nothing_is_lost(folder, tmp_path):
    source = packed(folder, True)
    whole = train("vae", source, out=tmp_path / "whole", **SETTINGS | {"epochs": 3})

    def kill(event):
        if isinstance(event, Step) and event.epoch == 2:
            tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
            for child in {int(pid) for task in tasks for pid in (task / "children").read_text().split()}:
                os.kill(child, signal.SIGKILL)

    died = r"a process that reads pictures ahead died.*go on with lunette resume"
    with pytest.raises(LunetteError, match=died), watched(kill):
        train("vae", source, out=tmp_path / "run", **SETTINGS | {"epochs": 3, "batch_size": 1})
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows if row["split"] == "train"] == [1]
    assert whole.is_finished
