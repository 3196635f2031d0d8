"""What Lunette wrote is read back as it was written, or refused with the name of the file and the mend."""

import dataclasses
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest

import lunette
from lunette.errors import LunetteError
from lunette.results.evaluation import Evaluation
from lunette.runs import Run
from lunette.runs.metrics import read_rows
from lunette.stored import from_json, from_toml, reading, to_json, to_toml, typed
from lunette.uses.train import train


@dataclass(frozen=True)
class Inner:
    sides: tuple[int, int]
    share: float = 0.5


@dataclass(frozen=True)
class Outer:
    name: str
    kind: Literal["a", 1]
    parts: Mapping[str, Inner]
    names: tuple[str, ...] = ()
    limit: int | None = None


WHOLE: dict[str, Any] = {"name": "x", "kind": 1, "parts": {"p": {"sides": [2, 3], "share": 1}}, "names": ["y"]}


def test_tables_become_what_they_were():
    made = typed(Outer, WHOLE)
    assert made == Outer("x", 1, {"p": Inner((2, 3), 1.0)}, ("y",))
    assert typed(Outer, json.loads(json.dumps(dataclasses.asdict(made)))) == made


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": 3}, "name: 3 is no str"),
        ({"kind": True}, "kind: True is no"),
        ({"kind": "b"}, "kind: 'b' is no"),
        ({"limit": "many"}, "limit: 'many' is no int"),
        ({"limit": True}, "limit: True is no int"),
        ({"names": "y"}, "names: 'y' is no tuple"),
        ({"names": [1]}, "names: 1 is no str"),
        ({"parts": []}, r"parts: \[\] is no"),
        ({"parts": {"p": 7}}, "parts: p: 7 is no table"),
        ({"parts": {"p": {"share": 0.5}}}, "parts: p: it says nothing of sides"),
        ({"parts": {"p": {"sides": [1, 2, 3]}}}, "parts: p: sides: .* is no tuple"),
        ({"parts": {"p": {"sides": [1, 2], "share": False}}}, "share: False is no float"),
        ({"more": 1}, "something of more, which is unknown"),
    ],
)
def test_another_type_is_refused_with_its_place(change, words):
    with pytest.raises(ValueError, match=words):
        typed(Outer, WHOLE | change)


def test_text_has_a_digest_of_what_it_says():
    content = {"name": "ä", "at": date(2020, 1, 2), "table": {"x": 0.1, "y": [1, 2]}}
    text = to_toml(content, free=("table.x",))
    assert from_toml(text, free=("table.x",)) == content
    assert from_toml(text.replace("0.1", "0.2"), free=("table.x",))["table"]["x"] == 0.2
    for old, new in (("ä", "ö"), ("2020", "2021"), ("2,", "2, 3,")):
        with pytest.raises(ValueError, match="not what it was written with"):
            from_toml(text.replace(old, new), free=("table.x",))
    assert from_toml(re.sub("^sha256 = .*\n", "", text).replace("2020", "2021"))["at"].year == 2021
    data = to_json({"names": ["ä", "\udce9"], "n": 1}).encode()
    assert from_json(data) == {"names": ["ä", "\udce9"], "n": 1}
    with pytest.raises(ValueError, match="not what it was written with"):
        from_json(data.replace(b": 1", b": 2"))
    with pytest.raises(ValueError, match="no table"):
        from_json(b"[1]")


def test_an_error_names_the_file_the_reason_and_the_mend(tmp_path):
    words = r"absent cannot be read as a list \(No such file or directory\): mend it"
    with pytest.raises(LunetteError, match=words), reading(tmp_path / "absent", "a list", "mend it"):
        (tmp_path / "absent").read_bytes()
    words = r"x cannot be read as a list \(it has no 'key'\)$"
    with pytest.raises(LunetteError, match=words), reading(Path("x"), "a list"):
        {}["key"]


ROW = {"epoch": 1, "step": 2, "split": "train", "loss": 3, "rate": 4.5, "weights": {"rate": 1.0}, "seconds": 0.1}


def test_rows_of_metrics_are_read_as_they_are():
    rows = [ROW, ROW | {"split": "validation"}, {**ROW, "stage": "s", "other": 1.0}]
    assert read_rows("".join(json.dumps(row) + "\n" for row in rows).encode()) == rows
    assert read_rows(b"") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epoch": None}, "row 2 says nothing of epoch"),
        ({"loss": None}, "row 2 says nothing of loss"),
        ({"rate": None}, "row 2 says nothing of rate"),
        ({"epoch": 1.5}, "row 2, epoch: 1.5 is no int"),
        ({"split": "trial"}, "row 2, split: 'trial'"),
        ({"rate": "low"}, "row 2, rate: 'low' is no float"),
        ({"weights": {"rate": []}}, "row 2, weights: rate: "),
        ({"stage": 3}, "row 2, stage: 3 is no str|says nothing of"),
    ],
)
def test_rows_of_another_form_are_refused_by_number(change, words):
    row = {name: value for name, value in (ROW | change).items() if value is not None}
    with pytest.raises(ValueError, match=words):
        read_rows("".join(json.dumps(each) + "\n" for each in (ROW, row)).encode())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = train(out=tmp_path_factory.mktemp("run") / "run", epochs=2, batch_size=256, network="mlp:16", latent=3)
    lunette.fit_prior(run, "gaussian", progress=False)
    lunette.add_concept(run, "lean", measure="slant", progress=False)
    lunette.evaluate(run, "codes", pictures=20, progress=False)
    return run.path


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def fields_of(path):
    """The lines of a TOML file that give a value."""
    return [line for line in path.read_text().splitlines() if " = " in line and not line.startswith("sha256")]


@pytest.mark.parametrize("value", ["[[1]]", "1979-05-27", "{}"])
def test_each_setting_of_another_type_is_refused(copy, value):
    path = copy / "run.toml"
    text = re.sub("^sha256 = .*\n", "", path.read_text())  # as of runs from before
    for line in fields_of(path):
        name = line.split(" = ")[0]
        path.write_text(text.replace(line, f"{name} = {value}", 1))
        if name != "split":  # a sentence for people, which nothing reads
            with pytest.raises(LunetteError, match=r"run\.toml cannot be read as a run's settings .*restore the file"):
                Run(copy)


@pytest.mark.parametrize(("folder", "verb"), [("priors", "sample"), ("concepts", "edit")])
def test_each_entry_of_kept_text_is_checked(copy, folder, verb):
    (path,) = (copy / folder).glob("*.toml")
    text = path.read_text()
    calls = {
        "sample": lambda: lunette.sample(copy, 1, prior="gaussian"),
        "edit": lambda: lunette.edit(copy, concept="lean", n=1, effects=False, progress=False),
    }
    calls[verb]()
    path.write_text(re.sub("^sha256 = .*\n", "", text))
    calls[verb]()  # from before
    for line in fields_of(path):
        name, _, value = line.partition(" = ")
        for other in ('"x"', "[7]", "3", "true"):
            path.write_text(text.replace(line, f"{name} = {other}", 1))
            if other != value:
                with pytest.raises(LunetteError, match=f"{path.name} cannot be read as"):
                    calls[verb]()


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[", b"[" * 100_000, b"{}", b"null", b'{"groups": 3}'])
@pytest.mark.parametrize("name", ["run.toml", "evaluation.json", "metrics.jsonl"])
def test_text_that_is_none_is_refused_by_name(copy, name, data):
    (copy / name).write_bytes(data)
    with pytest.raises(LunetteError, match=f"{re.escape(name)} cannot be read as"):
        (Run(copy).metrics(), Evaluation.load(copy))


def test_the_settings_that_say_where_the_run_is_may_be_changed_by_hand(copy):
    text = (copy / "run.toml").read_text()
    (copy / "run.toml").write_text(text.replace('"auto"', '"cpu"', 1).replace('"digits"', '"mnist"'))
    assert Run(copy).settings.source == "mnist"
    (copy / "run.toml").write_text(text.replace("latent = 3", "latent = 4"))
    with pytest.raises(LunetteError, match="its content is not what it was written with; if you changed it, remove"):
        Run(copy)


def test_numbers_of_an_evaluation_that_changed_are_told(copy):
    path = copy / "evaluation.json"
    path.write_text(re.sub(r'"value": (\d)', r'"value": 1\1', path.read_text(), count=1))
    with pytest.raises(LunetteError, match=r"evaluation\.json .*remove it, and measure anew with lunette evaluate"):
        Evaluation.load(copy)


def test_the_newest_prior_is_the_last_one_fitted_whatever_the_clock_says(copy):
    run = Run(copy)
    first = run.priors.load()
    back = dataclasses.replace(first, kind="mixture", fitted=first.fitted.replace(year=1990))
    mixture = lunette.fit_prior(run, "mixture", progress=False)
    run.priors.save(dataclasses.replace(mixture, fitted=back.fitted))
    assert run.priors.load().kind == "mixture"
    lunette.fit_prior(run, "gaussian", progress=False)
    assert run.priors.load().kind == "gaussian"
