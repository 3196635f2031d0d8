"""The command line: what people type, what they see, and how mistakes end."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lunette
from lunette.faces.cli import main
from lunette.numbers import short
from lunette.recipes import RECIPES
from lunette.runs import Run

QUICK = ["--epochs", "1", "--network", "mlp:16", "--pictures", "0"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "run"
    assert main(["train", "vae", *QUICK, "--latent", "3", "--out", str(folder)]) == 0
    return folder


def mistake(capsys, *args):
    """The one line that a mistake gets; the exit code is 2."""
    try:
        code = main([str(arg) for arg in args])
    except SystemExit as stop:  # the parser's own
        code = stop.code
    captured = capsys.readouterr()
    assert code == 2
    assert "Traceback" not in captured.err
    return captured.err + captured.out


def test_training_ends_with_where_to_look(tmp_path, capsys):
    assert main(["train", *QUICK, "--out", "first"]) == 0
    out = capsys.readouterr().out
    assert "report    first/report.html" in out
    assert "pictures  first/pictures" in out
    assert (tmp_path / "first" / "report.html").is_file()


def test_flags_reach_the_settings(run):
    settings = Run(run).settings
    assert settings.arguments["latent"] == 3
    assert settings.arguments["network"] == "mlp:16"
    assert settings.training.epochs == 1


@pytest.mark.parametrize("verb", ["sample", "reconstruct", "manifold", "latents"])
def test_verbs_write_pictures_and_arrays(run, tmp_path, capsys, verb):
    assert main([verb, str(run), "--out", "picture.png", "--npz", "arrays.npz"]) == 0
    assert capsys.readouterr().out.split() == ["picture.png", "arrays.npz"]
    with Image.open(tmp_path / "picture.png") as picture:
        assert min(picture.size) > 100
    with np.load(tmp_path / "arrays.npz") as arrays:
        assert len(arrays["codes" if verb == "latents" else "images"]) > 30


def test_pictures_go_to_the_run_by_default(run, capsys):
    assert main(["interpolate", str(run), "0", "label:3", "1"]) == 0
    assert capsys.readouterr().out.strip() == str(run / "pictures" / "interpolate.png")


def test_an_animation(run, tmp_path):
    assert main(["interpolate", str(run), "0", "1", "--steps", "5", "--walk", "spherical", "-o", "walk.gif"]) == 0
    with Image.open(tmp_path / "walk.gif") as animation:
        assert animation.n_frames == 8


@pytest.mark.parametrize(("recipe", "in_nats"), [("vae", True), ("rae", False)])
def test_only_what_has_a_unit_is_said_to_be_in_nats(tmp_path, capsys, recipe, in_nats):
    assert main(["train", recipe, *QUICK, "--out", "run"]) == 0
    assert ("(nats an image)" in capsys.readouterr().err) == in_nats
    page = (tmp_path / "run" / "report.html").read_text()
    assert "test distortion, nats an image<" in page
    assert ("test loss, nats an image<" in page) == in_nats
    assert "test code norm, nats" not in page


def test_small_numbers_are_not_shown_as_nothing():
    assert [short(value) for value in (0.0, 27.871, -0.31, 0.0123, -0.00045)] == [
        "0.00", "27.87", "-0.31", "0.012", "-0.00045"
    ]  # fmt: skip


def test_no_bar_stands_before_a_message(capsys, run):
    for args in (["train", "--latent", "0"], ["fit-prior", str(run), "--draws", "0"]):
        assert main(args) == 2
        assert capsys.readouterr().err.startswith("lunette: ")


def test_recipes_are_listed_with_their_papers(capsys):
    assert main(["recipes"]) == 0
    out = capsys.readouterr().out
    for word in ("autoencoder", "beta_vae", "Higgins", "stacked", "Bengio", "lunette recipes NAME"):
        assert word in out
    assert len(out.splitlines()) <= 3 * len(RECIPES)


def test_a_recipe_says_what_it_takes_and_can_do(capsys):
    assert main(["recipes", "cvae"]) == 0
    out = capsys.readouterr().out
    for word in ("Sohn", "learned normal distribution for each label", "--latent 20", "dimensions of the code"):
        assert word in out
    assert re.search(r"density +no: its likelihood", out)
    assert re.search(r"sampling +yes", out)
    assert main(["recipes", "cave"]) == 2
    assert "did you mean 'cvae'?" in capsys.readouterr().err


def test_data_shows_a_contact_sheet_and_a_summary(tmp_path, capsys):
    assert main(["data", "moons", "-o", "moons.png"]) == 0
    out = capsys.readouterr().out
    assert "4096" in out or "4,096" in out
    assert (tmp_path / "moons.png").is_file()


def test_a_pack_trains_and_is_used_like_its_source(tmp_path, capsys):
    assert main(["data", "pack", "digits", "-o", "packed"]) == 0
    assert "[1, 8, 8]" in capsys.readouterr().out
    assert main(["data", "packed"]) == 0
    assert "of the pictures shown" in capsys.readouterr().out
    for source in ("digits", "packed"):
        assert main(["train", *QUICK, "--latent", "2", "--data", source, "--out", f"run-{source}"]) == 0
    rows = [[row | {"seconds": 0} for row in Run(f"run-{source}").metrics()] for source in ("digits", "packed")]
    assert rows[0] == rows[1]
    for verb in (["reconstruct"], ["latents"], ["manifold"], ["interpolate", "label:3", "5", "label:7"]):
        for source in ("digits", "packed"):
            name, *points = verb
            assert main([name, f"run-{source}", *points, "--npz", f"{source}.npz"]) == 0
        with np.load("digits.npz") as whole, np.load("packed.npz") as again:
            assert all(np.array_equal(whole[key], again[key]) for key in whole)


def test_packing_says_what_is_wrong(tmp_path, capsys):
    assert "no picture files" in mistake(capsys, "data", "pack", "digits", "-o", "pack", "--encoded")
    assert "--out" in mistake(capsys, "data", "pack", "digits")
    assert not list(tmp_path.iterdir())


def test_doctor_says_what_is_used_and_why(capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for word in ("torch", "threads", "GPU", "float32", "LUNETTE_DATA", "mnist"):
        assert word in out


def test_a_recipes_help_has_its_own_arguments(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "beta_vae", "--help-all"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    for flag in (
        "--beta",
        "--distortion-weight",
        "--batch-size",
        "--learning-rate",
        "--seed",
        "--size",
        "--data",
    ):
        assert flag in out


def test_help_is_short_within_the_terminal_and_in_groups(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["train", "beta_vae", "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 45
    text = "\n".join(lines)
    assert "lunette train conv_vae --data mnist" in text
    for group in ("model:", "data:", "training:", "machine:"):
        assert group in lines
    assert "--distortion-weight" in text  # the recipe's own
    assert "--clip" not in text
    assert "--help-all lists all" in text
    assert "None" not in text


def test_the_version_and_flags_that_have_another_name_are_told(run, capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"lunette {lunette.__version__}\n"
    assert "--no-drift is called --no-effects now" in mistake(capsys, "edit", run, "--dimension", 0, "--no-drift")


def test_results_do_not_replace_one_another(run, capsys):
    for _ in range(2):
        assert main(["sample", str(run), "--n", "4"]) == 0
    first, second = map(Path, capsys.readouterr().out.split())
    assert first != second
    assert first.is_file()
    assert second.is_file()


def test_mistakes_end_with_2_and_a_line(run, tmp_path, capsys):
    assert "unknown recipe 'vea'; did you mean 'vae'" in mistake(capsys, "train", "vea")
    assert "latent must be greater than 0" in mistake(capsys, "train", "vae", "--latent", 0)
    assert "nowhere" in mistake(capsys, "train", "--data", "nowhere")
    assert "has no run.toml" in mistake(capsys, "sample", tmp_path)
    assert "did you mean" in mistake(capsys, "train", "--data", "mnits")
    assert "--latent" in mistake(capsys, "train", "vae", "--latnt", 3)
    assert "unknown verb 'doktor'; did you mean 'doctor'" in mistake(capsys, "doktor")
    assert "has no run.toml" in mistake(capsys, "sample", run / "report.html")
    assert "at least 2 points" in mistake(capsys, "interpolate", run, 0)
    assert "end the name in .png" in mistake(capsys, "sample", run, "-o", "samples.txt")
    assert "there is no such folder; make it" in mistake(capsys, "sample", run, "-o", tmp_path / "no" / "folder.png")
    assert list(tmp_path.iterdir()) == []


def test_damage_is_told_as_a_warning(run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "run")
    last = (copy / "last").read_text()
    (copy / "checkpoints" / last / "model.safetensors").write_bytes(b"\x00")
    assert main(["sample", str(copy)]) == 0
    assert "lunette: warning:" in capsys.readouterr().err


def test_metrics_are_readable_rows(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["split"] for row in rows] == ["train", "validation", "test"]
    assert {"epoch", "step", "split", "loss", "distortion", "rate", "weights", "seconds"} == set(rows[0])
