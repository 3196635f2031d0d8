"""What is seen where no bar is: in a pipe, a file or a job's log."""

import io

import pytest
from rich.console import Console

from lunette.errors import LunetteError
from lunette.faces import progress
from lunette.faces.progress import WorkBar
from lunette.progress import Progress
from lunette.training import pick_device
from lunette.uses.sheet import Sheet


def lines_at(monkeypatch, moments, terminal):
    """What is printed of work whose news come at these seconds."""
    bar, out, now = WorkBar(), io.StringIO(), iter(moments)
    bar.progress.live.console = Console(file=out, force_terminal=terminal, width=100)
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


@pytest.mark.parametrize("name", ["mps", "xpu"])
def test_a_device_that_is_not_there_is_refused_in_a_sentence(name):
    with pytest.raises(LunetteError, match=f"cannot use the device '{name}' .this machine has none"):
        pick_device(name)


def test_a_folder_in_place_of_a_picture_is_named(tmp_path):
    with pytest.raises(LunetteError, match="is a folder: name a file in it"):
        Sheet([], columns=1).save(tmp_path)
