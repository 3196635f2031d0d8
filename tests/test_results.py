"""What verbs return says itself in a sentence, at length, in JSON and in a notebook."""

import base64
import importlib.util
import io
import json
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

import lunette
from lunette.faces import progress
from lunette.faces.cli import main
from lunette.faces.terminal import say
from lunette.progress import Progress
from lunette.results.blocks import Heading, Note, Table, facts, to_dict, to_html
from lunette.results.result import Facts, Result, free_place

CALLS = {
    "sample": lambda run: lunette.sample(run, 4, progress=False),
    "edit": lambda run: lunette.edit(run, dimension=0, n=2, progress=False),
    "latents": lambda run: lunette.latents(run, progress=False),
    "denoise": lambda run: lunette.denoise(run, progress=False),
    "inpaint": lambda run: lunette.inpaint(run, mask="0,0,4,4", draws=1, steps=4, progress=False),
    "anomalies": lambda run: lunette.anomalies(run, strange=["3"], samples=1, progress=False),
    "evaluate": lambda run: lunette.evaluate(run, ["reconstruction"], progress=False),
    "evidence": lambda run: lunette.evidence(run, samples=1, progress=False),
    "fit_prior": lambda run: lunette.fit_prior(run, "gaussian", progress=False),
    "add_concept": lambda run: lunette.add_concept(run, "lean", measure="slant", progress=False),
    "concepts": lambda run: lunette.concepts(run, progress=False),
    "compare": lambda run: lunette.compare([run, run.path.with_name("other")], progress=False),
    "data": lambda _: lunette.data("digits", progress=False),
    "doctor": lambda _: lunette.doctor(progress=False),
    "recipes": lambda _: lunette.catalogue(progress=False),
    "a recipe": lambda _: lunette.catalogue("vae", progress=False),
    "a run": lambda run: run,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    how = {"epochs": 1, "network": "mlp:16", "latent": 3, "progress": False}
    lunette.train("vae", out=folder / "other", **how)
    return lunette.train("vae", out=folder / "run", **how)


class Whole(HTMLParser):
    """Reads HTML, and notes tags that are open at its end."""

    def __init__(self):
        super().__init__()
        self.open, self.words = [], []

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("name", CALLS)
def test_every_result_says_itself(run, name, capsys):
    result = CALLS[name](run)
    assert isinstance(result, Result)
    assert result.sentence()
    assert "\n" not in result.sentence()
    content = result.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == json.loads(json.dumps(content))
    assert content["sentence"] == result.sentence()
    reader = Whole()
    reader.feed(result._repr_html_())
    assert not reader.open
    say(result)
    told = capsys.readouterr().out
    blocks = list(result.blocks())
    assert bool(told) == bool(blocks)
    seen = "".join(reader.words)
    for block in blocks:
        for cell in (cell for row in block.rows for cell in row) if isinstance(block, Table) else ():
            assert cell in seen


def test_a_notebook_shows_pictures_with_what_is_said(run):
    html = lunette.edit(run, dimension=0, n=2, progress=False)._repr_html_()
    (picture,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        assert image.width > 100
    assert "strength" in html


def test_a_run_is_a_card(run):
    html = run._repr_html_()
    assert run.sentence() in html
    assert re.fullmatch(r"vae on digits: 1 epoch, test loss \d+\.\d\d", run.sentence())
    assert html.count("data:image/png;base64,") == 3  # reconstructions, samples, curves
    assert f'href="{run.path.as_posix()}/report.html"' in html


def test_cells_of_others_are_no_html():
    table = Table(
        (("<b>", "1"), ("&",)), headings=("a", "<script>"), title="<i>", numbers=(1,), bold=frozenset({(0, 1)})
    )
    html = to_html(table)
    assert "<script>" not in html
    assert "&lt;b&gt;" in html
    assert "<b>1</b>" in html
    assert 'colspan="2"' in html
    assert [to_html(block) for block in ("<", Heading("<"), Note("<"))] == [
        "<p>&lt;</p>",
        "<h4>&lt;</h4>",
        "<p><small>&lt;</small></p>",
    ]
    assert json.dumps(to_dict(table))


def test_facts_are_a_dictionary_too():
    found = Facts({"a": {"b": 1}})
    assert found["a"] == {"b": 1}
    assert list(found.blocks()) == [facts({"a": {"b": 1}})] == [Table((("a",), ("b", "1")))]


def test_json_lines_have_the_result_as_data(run, capsys):
    assert main(["--jsonl", "evaluate", str(run.path), "--groups", "reconstruction"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "result"
    numbers = last["result"]["evaluation"]["groups"]["reconstruction"]["numbers"]
    assert numbers["PSNR"]["unit"] == "dB"


def test_places_are_numbered(tmp_path):
    for name in ("sample.png", "sample-2.png", "sample-3.png"):
        path = free_place(tmp_path, "sample", ".png")
        assert path == tmp_path / name
        path.touch()


@pytest.mark.parametrize("has_widgets", [True, False])
def test_a_notebook_without_widgets_gets_lines(monkeypatch, has_widgets, recwarn, capsys):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(progress, "find_spec", lambda _: importlib.util.find_spec("sys") if has_widgets else None)
    console = progress.plain_console()
    assert console.is_jupyter == has_widgets
    if not has_widgets:
        bar = progress.WorkBar()
        monkeypatch.setattr(progress, "FIRST_SECONDS", 0.0)
        with bar:
            for done in range(3):
                bar(Progress("coding pictures", done, 2))
        assert "coding pictures: " in capsys.readouterr().err
        assert not recwarn
