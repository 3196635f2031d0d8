"""What an evaluation keeps, and how it ends up in the run."""

import json
import math
from dataclasses import replace
from typing import get_args

import pytest
import torch

from lunette.errors import LunetteError
from lunette.faces.cli import main
from lunette.faces.terminal import say
from lunette.files import write
from lunette.images import Images, load
from lunette.images.subset import some
from lunette.measures import classifier
from lunette.measures.classifier import classifier_of, turned
from lunette.progress import watched
from lunette.uses.evaluate import GROUPS, Evaluation, Group, Number, evaluate
from lunette.uses.evaluate.evaluate import GroupName
from lunette.uses.report.report import report
from lunette.uses.train import train

QUICK = {"epochs": 1, "network": "mlp:8", "latent": 2, "pictures": 0}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train("vae", out=tmp_path_factory.mktemp("run") / "vae", **QUICK)


def one(subject):
    """A group of one number: how many pictures."""
    return Group(
        {"pictures": Number(len(subject.test), error=math.nan, floor=1.0)}, ("counted",), {"a": [1.0, math.inf]}
    )


def refused(subject):
    raise LunetteError("it cannot be")


def test_an_evaluation_is_kept_and_read_again(run, monkeypatch):
    monkeypatch.setitem(GROUPS, "likelihood", one)
    found = evaluate(run, ["likelihood"], pictures=7)
    assert found.groups["likelihood"].numbers["pictures"].value == 7
    assert found.groups["likelihood"].settings["pictures"] == 7
    text = json.loads((run.path / "evaluation.json").read_text())
    assert text["groups"]["likelihood"]["numbers"]["pictures"]["error"] is None
    again = Evaluation.load(run.path)
    assert again.checkpoint_sha256 == run.checkpoints.load(found.checkpoint).sha256
    assert again.groups["likelihood"].notes == ("counted",)
    assert again.groups["likelihood"].lists["a"][0] == 1.0
    assert math.isnan(again.groups["likelihood"].lists["a"][1])
    page = (run.path / "report.html").read_text()
    assert "Measured: likelihood" in page
    assert "counted" in page


def test_groups_measured_before_stay_for_the_same_checkpoint_only(run, monkeypatch):
    monkeypatch.setitem(GROUPS, "likelihood", one)
    monkeypatch.setitem(GROUPS, "codes", one)
    evaluate(run, ["likelihood"])
    assert set(evaluate(run, "codes").groups) == {"likelihood", "codes"}
    assert set(evaluate(run, ["codes"], checkpoint="0001").groups) == {"codes"}


def test_the_command_tells_what_was_asked_for_and_of_how_many_pictures(run, monkeypatch, capsys):
    for name in ("likelihood", "codes"):
        monkeypatch.setitem(GROUPS, name, one)
    evaluate(run, ["likelihood", "codes"], pictures=9)
    assert main(["evaluate", str(run.path), "--groups", "codes", "--pictures", "7"]) == 0
    told = capsys.readouterr().out
    assert "codes, of 7 test pictures" in told
    assert "likelihood" not in told
    say(Evaluation.load(run.path))
    told = capsys.readouterr().out
    assert told.index("likelihood, of 9 test pictures") < told.index("codes, of 7 test pictures")


def test_what_cannot_be_measured_is_a_note_unless_asked_for(run, monkeypatch):
    for name in GROUPS:
        monkeypatch.setitem(GROUPS, name, one)
    monkeypatch.setitem(GROUPS, "samples", refused)
    assert evaluate(run).groups["samples"].notes == ("not measured: it cannot be",)
    with pytest.raises(LunetteError, match="it cannot be"):
        evaluate(run, ["samples"])
    with pytest.raises(LunetteError, match="did you mean 'samples'"):
        evaluate(run, ["sample"])
    with pytest.raises(LunetteError, match="pictures must be at least 1"):
        evaluate(run, pictures=0)
    with pytest.raises(LunetteError, match="5,000 at most, not 5001"):
        evaluate(run, samples=5001)


@pytest.mark.parametrize("error", [MemoryError, RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_a_group_that_memory_does_not_suffice_for_does_not_spoil_the_others(run, monkeypatch, error):
    def full(subject):
        raise error

    for name in GROUPS:
        monkeypatch.setitem(GROUPS, name, one)
    monkeypatch.setitem(GROUPS, "samples", full)
    found = evaluate(run).groups
    assert found["samples"].notes == (
        "not measured: memory does not suffice for the group samples: ask for fewer --pictures",
    )
    assert found["codes"].numbers


def test_some_pictures_are_a_fair_choice_of_sorted_ones():
    labels = torch.arange(1000) // 100
    images = Images(torch.zeros(1000, 1, 1, 1, dtype=torch.uint8), labels)
    few = some(images, 200).labels
    assert few.unique().tolist() == list(range(10))
    assert torch.equal(few, some(images, 200).labels)
    assert torch.equal(some(images, 2000).labels.sort().values, labels)


def test_a_damaged_evaluation_is_named_before_anything_is_measured(run, monkeypatch):
    def never(subject):
        raise AssertionError

    write(run.path / "evaluation.json", "{")
    monkeypatch.setitem(GROUPS, "codes", never)
    with pytest.raises(LunetteError, match="remove it"):
        evaluate(run, ["codes"])
    with pytest.raises(LunetteError, match=r"evaluation\.json cannot be read.*remove it"):
        Evaluation.load(run.path)
    (run.path / "evaluation.json").unlink()
    assert Evaluation.load(run.path) is None


def test_a_report_does_without_pictures_that_were_removed(run):
    drawn = evaluate(run, ["reconstruction"]).groups["reconstruction"].drawn
    shown = (run.path / "report.html").read_text().count("<img")
    (run.pictures / drawn["Best reconstructions"]).unlink()
    assert report(run, run.model()).count("<img") == shown - 1


def test_quarter_turns_and_flips():
    square, wide = torch.rand(4, 1, 3, 3), torch.rand(4, 1, 2, 3)
    turns = torch.arange(4)
    for x, four in (
        (square, [square[1].rot90(1, (1, 2)), square[3].rot90(3, (1, 2))]),
        (wide, [wide[1].flip(1), wide[3].flip(2)]),
    ):
        out = turned(x, turns)
        assert torch.equal(out[0], x[0])
        assert torch.equal(out[1], four[0])
        assert torch.equal(out[2], x[2].flip((1, 2)))
        assert torch.equal(out[3], four[1])


@pytest.mark.parametrize("labelled", [True, False])
def test_the_classifier_learns_and_is_kept(labelled, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier.platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.setattr(classifier, "STEPS", 150)
    data = load("digits")
    if not labelled:
        data = load(Images(torch.cat([part.pixels for part in (data.train, data.test)])))
    seen = []
    with watched(seen.append):
        first = classifier_of(data)
        assert first.supervised == labelled
        assert first.accuracy > (0.85 if labelled else 0.75)
        assert (seen[-1].done, seen[-1].total) == (150, 150)
        again = classifier_of(data)
        assert len(seen) == 150  # it was kept
        x = data.test.pixels[:20]
        assert torch.equal(first.features(x), again.features(x / 255))
        assert torch.allclose(first.probabilities(x).sum(1), torch.ones(20))
        (kept,) = (tmp_path / "cache").rglob("*.weights")
        whole = kept.read_bytes()
        flipped = whole[:-1000] + bytes([whole[-1000] ^ 1]) + whole[-999:]
        for trained, damaged in enumerate((whole[:100], flipped), start=2):
            kept.write_bytes(damaged)
            classifier_of(data)
            assert len(seen) == 150 * trained  # anew


def test_labels_of_training_pictures_alone_are_not_learned(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier.platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.setattr(classifier, "STEPS", 1)
    data = load("digits")
    assert not classifier_of(replace(data, test=replace(data.test, labels=None))).supervised


def test_the_command_line_knows_every_group():
    assert get_args(GroupName) == tuple(GROUPS)
