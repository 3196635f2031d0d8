"""Threads of the processor: as many as the network is large enough for, the same for the whole of a run."""

import os
import re
import subprocess
import sys

import pytest
import torch

from lunette.faces.cli import SPINS
from lunette.progress import watched
from lunette.recipes import RECIPES, build
from lunette.runs import Run
from lunette.training import Start, TrainingSettings, pick_threads
from lunette.training.step import Terms
from lunette.training.threads import ENOUGH, multiplications
from lunette.uses.train import resume, train

SHAPE = (1, 28, 28)
SETTINGS = {"epochs": 1, "pictures": 0, "network": "mlp:16"}
ENCODER, DECODER = 784 * 400 + 400 * 40, 20 * 400 + 400 * 784
CONV = 14 * 14 * 9 * 8 + 8 * 14 * 14 * 32 + 32 * 10 + 5 * 8 * 14 * 14 + 14 * 14 * 9 * 8 * 8 + 28 * 28 * 9 * 8


@pytest.fixture
def cores():
    """A machine with 64 cores, as torch sees it."""
    before = torch.get_num_threads()
    torch.set_num_threads(64)
    yield 64
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("recipe", "arguments", "once", "each"),
    [
        ("vae", {"latent": 20}, 0, ENCODER + DECODER),
        ("iwae", {"latent": 20, "samples": 3}, 0, ENCODER + 3 * DECODER),
        ("vae", {"network": "conv:8/2:32", "latent": 5}, 0, CONV),
        ("vamp", {"latent": 20, "prior": "vamp:7"}, 7 * ENCODER, ENCODER + DECODER),
    ],
)
def test_multiplications_are_those_of_the_layers(recipe, arguments, once, each):
    built = build(recipe, SHAPE, arguments, 0)
    for n in (1, 3):
        assert multiplications(built.model, n, SHAPE, built.objective.samples) == once + n * each


@pytest.mark.parametrize("recipe", ["vae", "conv_vae", "cvae"])
def test_multiplications_are_counted_where_the_model_is(recipe):
    """Training on another device counts there; this one stands for a GPU, and has no numbers."""
    model = build(recipe, SHAPE, {}, 10).model
    assert multiplications(model.to("meta"), 2, SHAPE) == multiplications(build(recipe, SHAPE, {}, 10).model, 2, SHAPE)


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_counting_leaves_no_trace(recipe):
    built = build(recipe, SHAPE, {}, 10)
    before = {name: value.clone() for name, value in built.model.state_dict().items()}
    random, hooks = torch.get_rng_state(), [len(module._forward_hooks) for module in built.model.modules()]
    pick_threads(built, SHAPE, TrainingSettings())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in built.model.state_dict().items())
    assert built.model.training
    assert [len(module._forward_hooks) for module in built.model.modules()] == hooks


def test_threads_are_as_many_as_the_network_is_large_enough_for(cores):
    small, large = build("vae", SHAPE, {}, 0), build("conv_vae", SHAPE, {}, 0)
    assert pick_threads(small, SHAPE, TrainingSettings()) == 1
    work = 128 * multiplications(large.model, 1, SHAPE)
    assert pick_threads(large, SHAPE, TrainingSettings()) == int(work / ENOUGH) < cores
    assert pick_threads(large, SHAPE, TrainingSettings(batch_size=1280)) == cores
    assert pick_threads(large, SHAPE, TrainingSettings(batch_size=1280), processes=4) == cores // 4
    assert pick_threads(large, SHAPE, TrainingSettings(accumulate=4)) == int(work / 4 / ENOUGH)
    assert pick_threads(small, SHAPE, TrainingSettings(threads=3)) == 3


def test_a_run_keeps_its_threads_and_leaves_all_to_others(tmp_path, cores, monkeypatch):
    seen, passed, forward = [], [], Terms.forward

    def watch(event):
        seen.append((torch.get_num_threads(), event.threads if isinstance(event, Start) else None))

    def counting(*arguments):
        passed.append(torch.get_num_threads())
        return forward(*arguments)

    monkeypatch.setattr(Terms, "forward", counting)
    with watched(watch):
        run = train(out=tmp_path / "run", threads=2, **SETTINGS)
        assert run.settings.training.threads == 2
        resume(run, epochs=2)
    assert set(passed) == {2}  # of steps, validation and test
    assert {threads for threads, _ in seen} == {cores}
    assert [said for _, said in seen if said] == [2, 2]
    assert torch.get_num_threads() == cores
    assert train(out=tmp_path / "other", **SETTINGS).settings.training.threads == 1


def test_a_run_that_says_nothing_of_threads_goes_on_with_all_as_it_began(tmp_path):
    run = train(out=tmp_path / "run", **SETTINGS)
    path = run.path / "run.toml"
    text = re.sub(r"threads = .*\n", "", path.read_text())
    path.write_text(re.sub(r"\Asha256 = .*\n", "", text))  # as it was before there were checksums
    torch.set_num_threads(2)
    try:
        assert resume(Run(run.path), epochs=2).settings.training.threads == 2
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize(("said", "expected"), [({}, SPINS), ({"OMP_WAIT_POLICY": "active"}, None)])
def test_the_command_line_lets_threads_sleep_soon_unless_told_otherwise(said, expected):
    environment = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT",)} | said
    code = "import os; from lunette.faces.cli import main; main(['--help']); print(os.environ.get('GOMP_SPINCOUNT'))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(expected)
