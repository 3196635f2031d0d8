"""Verbs for programs: news and results as lines of JSON."""

import json
import os
import signal
import subprocess
import sys

import pytest

import lunette
from lunette.faces.cli import main

TINY = ["--epochs", "2", "--network", "mlp:8", "--latent", "2", "--pictures", "0"]


def events(capsys, *words):
    """Run a verb; return its exit code and its events."""
    code = main(["--jsonl", *words])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    settings = {"epochs": 2, "network": "mlp:8", "latent": 2, "pictures": 0}
    return lunette.train("vae", out=tmp_path_factory.mktemp("run") / "run", **settings, progress=False)


def test_training_says_what_happens_and_where_its_run_is(tmp_path, capsys):
    code, found = events(capsys, "train", "vae", *TINY, "--out", str(tmp_path / "run"))
    assert code == 0
    kinds = [event["event"] for event in found]
    assert kinds[0] == "start"
    assert kinds.count("epoch_end") == 2
    assert kinds[-2:] == ["end", "result"]
    last = [event for event in found if event["event"] == "epoch_end"][-1]
    rows = lunette.Run(tmp_path / "run").metrics()
    assert last["metrics"]["train"]["loss"] == pytest.approx(rows[-3]["loss"])
    assert last["metrics"]["train"]["unit"] == "nats an image"
    assert found[-1]["files"] == [str((tmp_path / "run").resolve())]


def test_results_are_text_and_files(run, tmp_path, capsys):
    code, found = events(
        capsys, "anomalies", str(run.path), "-o", str(tmp_path / "a.png"), "--npz", str(tmp_path / "b")
    )
    assert code == 0
    assert found[-1]["event"] == "result"
    assert "pictures by " in found[-1]["text"]
    assert found[-1]["files"] == [str(tmp_path / "a.png"), str(tmp_path / "b.npz")]
    done = [event for event in found if event["event"] == "progress"][-1]
    assert done["done"] == done["total"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [(["sample", "nowhere"], "nowhere does not exist"), (["smaple"], "did you mean 'sample'"),
     (["sample", "--bogus", "1"], "no call of the verb")],
)  # fmt: skip
def test_what_is_wrong_is_an_event(words, message, capsys):
    code, found = events(capsys, *words)
    assert code == 2
    assert found[-1]["event"] == "error"
    assert message in found[-1]["message"]
    assert found[-1]["exit_code"] == 2


def test_help_is_a_result(capsys):
    code, found = events(capsys, "sample", "--help")
    assert (code, [event["event"] for event in found]) == (0, ["result"])
    assert "--temperature" in found[0]["text"]
    assert found[0]["files"] == []


def test_warnings_are_events(run, capsys, tmp_path):
    code, found = events(capsys, "edit", str(run.path), "--dimension", "0", "--no-effects")
    assert code == 0
    assert all(event["event"] != "warning" for event in found)
    code, found = events(capsys, "train", "vae", *TINY, "--batch-size", "1500", "--out", str(tmp_path / "run"))
    (words,) = [event["message"] for event in found if event["event"] == "warning"]
    assert words.endswith("smaller batch size")


def test_a_signal_stops_training_which_is_saved(tmp_path):
    words = [sys.executable, "-m", "lunette", "--jsonl", "train", "vae", *TINY, "--epochs", "5000", "--out", "run"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(words, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if json.loads(line)["event"] == "epoch_end":
                process.send_signal(signal.SIGTERM)
                break
        last = json.loads(process.stdout.read().splitlines()[-1])
    assert process.returncode == last["exit_code"] == 143
    assert "go on with: lunette resume run" in last["message"]
