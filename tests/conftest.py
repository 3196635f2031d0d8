"""What tests share."""

import hashlib
import json
import os
import signal

import pytest
import torch

from lunette.compute import EMULATE, has_bf16
from lunette.images import Dataset, Images
from lunette.training import Step

torch.set_num_threads(1)  # tests run side by side, and threads of tiny products only wait for one another


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def with_bf16(monkeypatch):
    """Products of bfloat16, emulated where the processor has none."""
    if not has_bf16(torch.device("cpu"))[0]:
        monkeypatch.setenv(EMULATE, "1")


@pytest.fixture
def mnist():
    """The name of the real data set, where it is at hand."""
    if not os.environ.get("LUNETTE_DATA"):
        pytest.skip("LUNETTE_DATA is not set")
    return "mnist"


def dataset_of(pixels, validation=0):
    """A data set of uint8 pixels whose test split is its training split."""
    whole = Images(pixels)
    held_out = whole.take(slice(0, validation))
    facts = {"shape": list(whole.shape), "train": len(whole), "validation": len(held_out), "test": len(whole)}
    return Dataset(whole, held_out, whole, facts | {"sha256": ""})


def rows(run):
    """The rows of metrics.jsonl without the seconds, which are the machine's and not the model's."""
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def ending(run):
    """All that two runs which end alike have in common: rows, and SHA-256s of the last weights and moments."""
    last = run.path / "checkpoints" / run.checkpoints.pointer("last")
    tensors = [(last / f"{what}.safetensors").read_bytes() for what in ("model", "optimizer")]
    return rows(run), *(hashlib.sha256(data).hexdigest() for data in tensors)


def interrupt_at(step):
    """A watch that sends this process SIGTERM at one step."""
    steps = iter(range(1, 10**6))

    def watch(event):
        if isinstance(event, Step) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return watch
