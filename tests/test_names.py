"""Names that are no UTF-8, output in other encodings, and commands that can be pasted."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lunette
from lunette.faces.cli import main
from lunette.images import index_of
from lunette.names import on_disk, quoted, written

LATIN = os.fsdecode(b"caf\xe9")


def folder_of(path, n=30):
    path.mkdir(parents=True)
    for i in range(n):
        Image.fromarray(np.full((4, 4), 8 * i, np.uint8)).save(path / f"{i}.png")
    return path


@pytest.mark.parametrize("name", ["plain", "café", LATIN, "a\\b", "数字"])
def test_names_can_be_written_and_found_again(name):
    assert on_disk(written(name).encode().decode()) == name


def test_names_that_are_no_utf8_are_trained_on_and_found_again(tmp_path):
    try:
        folder_of(tmp_path / LATIN / LATIN)
        folder_of(tmp_path / LATIN / "other")
    except OSError:
        pytest.skip("this disk takes no such names")
    (tmp_path / LATIN / "other" / "0.png").rename(tmp_path / LATIN / "other" / f"{LATIN}.png")
    source = str(tmp_path / LATIN)
    run = lunette.train("vae", source, epochs=1, pictures=1, network="mlp:8", latent=2, progress=False)
    again = lunette.resume(run.path, epochs=2, progress=False)
    assert again.settings.label_names == ("caf\\udce9", "other")
    lunette.anomalies(again, source, progress=False).save(tmp_path / "scores.csv")
    assert "caf\\udce9" in (tmp_path / "scores.csv").read_text(encoding="utf-8")


def test_a_label_that_is_no_utf8_is_found_by_its_name():
    assert index_of(LATIN, ("caf\\udce9", "other")) == 0


def test_runs_and_studies_that_are_no_utf8(tmp_path, monkeypatch, capfdbinary):
    try:
        (tmp_path / LATIN).mkdir()
    except OSError:
        pytest.skip("this disk takes no such names")
    monkeypatch.chdir(tmp_path)
    tiny = ["--epochs", "1", "--network", "mlp:8", "--latent", "2"]
    assert main(["train", *tiny, "--out", f"{LATIN}/r"]) == 0
    assert main(["train", *tiny, "--out", LATIN + "2"]) == 0
    assert main(["fit-prior", LATIN + "2", "--kind", "gaussian"]) == 0
    assert main(["compare", f"{LATIN}/r", LATIN + "2", "-o", f"{LATIN}.html"]) == 0
    assert "caf\\udce92" in Path(f"{LATIN}.html").read_text(encoding="utf-8")
    assert main(["export", LATIN + "2", "-o", f"{LATIN}.zip"]) == 0
    assert main(["unpack", f"{LATIN}.zip", "-o", LATIN + "3"]) == 0
    study = ["tune", "--epochs", "1", "--network", "mlp:8", "--trials", "2", "--vary", "latent=2..3"]
    assert main([*study, "--out", f"{LATIN}/study"]) == 0
    assert (tmp_path / LATIN / "study" / "study.png").is_file()


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1", "ascii"])
def test_names_are_printed_as_they_are_on_the_disk(encoding, tmp_path):
    name = tmp_path / (LATIN + "→")
    words = [sys.executable, "-m", "lunette", "sample", str(name)]
    done = subprocess.run(words, env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True, check=False)
    arrow = "→".encode(encoding, "replace")
    assert os.fsencode(tmp_path / LATIN) + arrow + b" does not exist" in done.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_signs_that_an_output_lacks_end_no_work(encoding):
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    words = [sys.executable, "-m", "lunette", "recipes"]
    done = subprocess.run(words, env=environment, capture_output=True, check=False)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert b"vamp" in done.stdout


def test_every_suggested_command_quotes_its_path():
    bare = re.compile(
        r"lunette (resume|evaluate|fit-prior|data pack|concept add|edit|sample|export|unpack) \{(?!quoted\()"
    )
    sources = Path(lunette.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if bare.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("name", ["run", "my run", "it's", "$HOME"])
def test_paths_in_commands_can_be_pasted(name):
    assert shlex.split(f"lunette resume {quoted(name)}") == ["lunette", "resume", name]
