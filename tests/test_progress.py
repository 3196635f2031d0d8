"""What is seen where no bar is: in a pipe, a file or a job's log."""

import io
import re
import threading
import time

import pytest
import torch
from rich.console import Console

import lunette
from lunette.compute import pick_device
from lunette.errors import Interrupted, LunetteError
from lunette.faces import progress, silence
from lunette.faces.cli import main
from lunette.faces.progress import WorkBar
from lunette.progress import Progress, announce, stopped_by, watched
from lunette.results.sheet import Sheet
from lunette.runs import Run
from lunette.training import Step
from lunette.uses.train import resume, train


def lines_at(monkeypatch, moments, terminal):
    """What is printed of work whose news come at these seconds."""
    bar, out, now = WorkBar(), io.StringIO(), iter(moments)
    bar.progress.live.console = Console(file=out, force_terminal=terminal, width=100)
    monkeypatch.setattr(progress, "heard", lambda: None)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    bar.progress.start = bar.progress.stop = lambda: None
    for i in range(len(moments)):
        bar(Progress("scoring", 1000 * i, 9000))
    return out.getvalue().splitlines()


def test_work_of_more_than_two_seconds_says_so_and_then_every_half_minute(monkeypatch):
    moments = [100, 101, 102.5, 110, 131, 133, 140]
    assert lines_at(monkeypatch, moments, False) == ["scoring: 2,000 of 9,000", "scoring: 5,000 of 9,000"]
    assert lines_at(monkeypatch, moments, True) == []


def test_short_work_says_nothing(monkeypatch):
    assert lines_at(monkeypatch, [100, 100.5, 101], False) == []


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(silence, "FIRST_SECONDS", 0.2)
    monkeypatch.setattr(silence, "LATER_SECONDS", 0.4)


def test_a_verb_without_news_says_that_it_is_at_work(impatient, capsys):
    with silence.broken("export"):
        time.sleep(1.0)
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 3
    assert all(re.fullmatch(r"export: at work for [01] s", line) for line in lines)


def test_a_verb_with_news_says_nothing_else(impatient, capsys):
    with silence.broken("export"):
        for _ in range(20):
            time.sleep(0.03)
            silence.heard()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("environment", "speaks"),
    [({}, True), ({"RANK": "0"}, True), ({"RANK": "1"}, False), ({"LUNETTE_LAUNCHED": "1"}, False),
     ({"LUNETTE_LAUNCHED": "1", "RANK": "0"}, True)],
)  # fmt: skip
def test_of_several_processes_one_speaks(environment, speaks, monkeypatch):
    for name in ("RANK", "LUNETTE_LAUNCHED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert silence.is_heard() == speaks


def test_places_that_cannot_be_written_to_are_refused_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lunette.train("vae", epochs=1, out="run", pictures=0, network="mlp:8", progress=False)
    monkeypatch.setattr(Run, "trained", None)  # a call of it would be work
    monkeypatch.setattr(Run, "dataset", None)
    for words in ("sample run -o .", "edit run --dimension 0 -o it.txt", "anomalies run --csv .", "latents run --npz .",
                  "denoise run --npz .", "data /no/such/folder -o ."):  # fmt: skip
        assert main(words.split()) == 2
        assert re.search("is a folder: name a file|end the name in", capsys.readouterr().err), words


@pytest.mark.parametrize("name", ["mps", "xpu"])
def test_a_device_that_is_not_there_is_refused_in_a_sentence(name):
    with pytest.raises(LunetteError, match=f"cannot use the device '{name}' .this machine has none"):
        pick_device(name)


def test_an_unknown_device_is_refused_with_those_that_are_known():
    with pytest.raises(LunetteError, match=r"cannot use the device 'bogus' \(known are cpu, .*\); leave it at auto"):
        pick_device("bogus")


def test_a_folder_in_place_of_a_picture_is_named(tmp_path):
    with pytest.raises(LunetteError, match="is a folder: name a file in it"):
        Sheet([], columns=1).save(tmp_path)


def test_work_is_stopped_from_another_thread_and_training_saves_first(tmp_path):
    """As a job's stop button does: training ends within its step, goes on to the same bits, and a verb just ends."""
    settings = {"epochs": 3, "network": "mlp:8", "pictures": 0, "batch_size": 256}
    whole = train("vae", out=tmp_path / "whole", **settings)
    stop, steps, failed = threading.Event(), [], []

    def at(news):
        steps.append(news)
        if sum(isinstance(step, Step) for step in steps) == 7:
            stop.set()

    def job():
        try:
            with watched(at), stopped_by(stop):
                train("vae", out=tmp_path / "run", **settings)
        except Interrupted as error:
            failed.append(error)

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert "after step 7; go on with: lunette resume" in str(failed[0])
    assert failed[0].exit_code == 130
    again = resume(tmp_path / "run")
    assert again.checkpoints.load().model.keys() == whole.checkpoints.load().model.keys()
    for name, value in whole.checkpoints.load().model.items():
        assert torch.equal(again.checkpoints.load().model[name], value)
    with pytest.raises(Interrupted, match="stopped, as asked"), stopped_by(stop):
        lunette.anomalies(again, progress=False)


def test_news_are_seen_by_the_innermost_watch_only():
    outer, inner = [], []
    with watched(outer.append):
        announce(1)
        with watched(inner.append):
            announce(2)
        with watched(None):
            announce(3)
        announce(4)
    announce(5)
    assert (outer, inner) == ([1, 4], [2])
