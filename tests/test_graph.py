"""A recorded step is the plain step. CUDA graphs need a GPU: here the operations are recorded on the processor.

What a CUDA graph keeps as it was, this keeps, too: every number that Python computed. Tensors are read anew.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from lunette.errors import LunetteError
from lunette.images import load
from lunette.training import EpochEnd, TrainingSettings
from lunette.training.graph import PLAIN_STEPS, GraphStep, check_graph
from lunette.training.optimizers import bare_step, make_optimizer
from lunette.training.players import Players
from test_training import training_of


class Recording(TorchDispatchMode):
    """Operations as they are done within this; `replay` does them again and puts the last results where they were."""

    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        done = operation(*args, **(kwargs or {}))
        self.operations.append((operation, args, kwargs or {}, done))
        return done

    def replay(self, results):
        now = {}

        def current(value):
            return now.get(id(value), value)

        with torch.no_grad():
            for operation, args, kwargs, done in self.operations:
                again = operation(*tree_map(current, args), **tree_map(current, kwargs))
                tree_map(lambda old, new: now.__setitem__(id(old), new), done, again)
            for result in results.values():
                result.copy_(now[id(result)])


def recorder(training, recorded):
    """Return what records a step by doing it, and undoes it, because a GPU records without doing."""

    def record(step):
        players = training.players
        optimizers = [training.optimizer, *([players.optimizer] if players.parameters else [])]
        moments = [value for each in optimizers for state in each.state.values() for value in state.values()]
        tensors = [*(p.data for p in (*training.parameters, *players.parameters)), *moments]
        before = [value.clone() for value in tensors]
        state = torch.default_generator.get_state()
        recording = Recording()
        with recording:
            results = step()
        for value, old in zip(tensors, before, strict=True):
            value.copy_(old)
        torch.default_generator.set_state(state)
        recorded.append(training.position.step)
        return results, lambda: recording.replay(results)

    return record


def losses(graph, recorded, recipe="vae", **settings):
    # A warm-up, so that weights of terms change, and a schedule, so that the rate does.
    arguments = {"rate_warmup": 1.5} if recipe == "vae" else {}
    training = training_of(recipe, epochs=2, schedule="one-cycle", arguments=arguments, precision="fp32", **settings)
    if graph:
        how = TrainingSettings(graph=True, **settings)
        training.optimizer = make_optimizer(training.parameters, how)
        training._optimize = bare_step(training.optimizer)
        if training.players.parameters:
            training.players = Players(training.stage.objective, how, training.device)
        training.graph = GraphStep(
            training.terms, training.parameters, training._move_all, recorder(training, recorded)
        )
    ends = [event for event in training.events() if isinstance(event, EpochEnd)]
    return [end.metrics["train"].terms for end in ends], training.model_state()


@pytest.mark.parametrize("settings", [{}, {"optimizer": "adamw", "clip": 1.0}])
def test_recorded_steps_are_the_plain_ones(settings):
    recorded = []
    plain, weights = losses(False, [], **settings)
    graphed, same = losses(True, recorded, **settings)
    # The first step's rate weighs 0. Each epoch's last step has fewer pictures, and is done plainly.
    assert recorded == [1 + PLAIN_STEPS]
    assert len(load("digits").train) % 128
    for one, other in zip(plain, graphed, strict=True):
        assert one == pytest.approx(other, rel=1e-6)
    for name, value in weights.items():
        torch.testing.assert_close(same[name], value, rtol=1e-4, atol=1e-6)


def test_players_learn_within_a_recorded_step():
    recorded = []
    plain, weights = losses(False, [], "aae")
    graphed, same = losses(True, recorded, "aae")
    assert recorded == [PLAIN_STEPS]
    for one, other in zip(plain, graphed, strict=True):
        assert one == pytest.approx(other, rel=1e-5)
    for name, value in weights.items():
        torch.testing.assert_close(same[name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("device", "processes", "settings", "words"),
    [
        ("cpu", 1, {}, "is on cpu"),
        ("cuda", 2, {}, "one process"),
        ("cuda", 1, {"accumulate": 2}, "one process"),
        ("cuda", 1, {"optimizer": "sgd"}, "not with sgd"),
    ],
)
def test_what_cannot_be_recorded_is_refused(device, processes, settings, words):
    with pytest.raises(LunetteError, match=words):
        check_graph(TrainingSettings(graph=True, **settings), torch.device(device), processes)


def test_a_run_on_the_processor_refuses_graphs():
    with pytest.raises(LunetteError, match="records the steps of an NVIDIA GPU"):
        training_of(graph=True)
