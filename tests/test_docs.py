"""What the documents show is what there is."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent


def test_the_new_variant_of_the_docs_works(tmp_path):
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "new-variant.md").read_text(encoding="utf-8"), re.S)[1]
    (tmp_path / "short.py").write_text(code, encoding="utf-8")
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "short.py"], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert 0 < float(done.stdout.strip().splitlines()[-1]) < 10
    assert (tmp_path / "short.png").stat().st_size > 1000
    settings = (tmp_path / "runs" / "short-vae-digits-001" / "run.toml").read_text()
    assert "weight = 0.5" in settings
    assert "latent = 8" in settings


def test_the_table_of_recipes_is_the_registrys():
    sys.path.insert(0, str(ROOT / "examples"))
    from recipe_table import DOCS, table

    assert table() in DOCS.read_text(encoding="utf-8")


def test_the_estimator_of_the_readme_works():
    code = re.search(
        r"```python\n(from lunette.sklearn.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S
    )[1]
    quick = code.replace("return_X_y=True)\n", "return_X_y=True)\nX, y = X[:100], y[:100]\n", 1)
    names = {}
    exec(quick.replace("latent=8", "latent=8, epochs=1, bound_samples=1"), names)
    assert names["codes"].shape == (100, 8)
    assert names["drawn"].shape == (100, 64)
    assert len(set(names["strangest"])) == 10


def one_file_more(folder, page, place):
    """Copy Lunette to a folder, with the code of a page of the docs as one more file; return what runs it there."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.S)[1]
    assert place in (ROOT / "docs" / page).read_text(encoding="utf-8")
    shutil.copytree(ROOT / "src" / "lunette", folder / "src" / "lunette")
    (folder / place).write_text(code, encoding="utf-8")
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder / "src"), "COLUMNS": "100"}

    def run(*words):
        return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout

    def lunette(*words):
        return run(sys.executable, "-m", "lunette", *words)

    return lunette, lambda script: run(sys.executable, "-c", script)


TINY = ("train", "vae", "--epochs", "1", "--latent", "2", "--pictures", "0", "--out", "run")


def test_the_new_verb_of_the_docs_is_one_file(tmp_path):
    lunette, python = one_file_more(tmp_path, "new-verb.md", "src/lunette/uses/average.py")
    lunette(*TINY, "--network", "mlp:8")
    assert lunette("average", "run", "--n", "20").strip() == "run/pictures/average.png"
    assert "average       Draw the picture of the mean code of n test pictures." in lunette("--help")
    assert "test pictures whose codes are averaged" in lunette("average", "--help")
    assert python("import lunette; print(len(lunette.open('run').average(progress=False)))").strip() == "1"
    with Image.open(tmp_path / "run" / "pictures" / "average.png") as picture:
        assert picture.width > 8


def test_the_new_source_of_the_docs_is_one_file(tmp_path):
    lunette, _ = one_file_more(tmp_path, "new-source.md", "src/lunette/images/sources/csv_table.py")
    rows = [",".join(map(str, [i % 2, *[10 * (i % 25)] * 64])) for i in range(60)]
    (tmp_path / "table.csv").write_text("\n".join(["label," + ",".join(f"p{i}" for i in range(64)), *rows]))
    facts = lunette("data", "table.csv")
    assert "1 × 8 × 8" in facts
    assert "0 to 240" in facts
    assert ".csv" in lunette("train", "--help")
    lunette(*TINY, "--data", "table.csv", "--network", "mlp:8")
    facts = lunette("data", "pack", "table.csv", "-o", "pack")
    assert re.search(r"train +60", facts)


def test_the_new_architecture_of_the_docs_is_one_file(tmp_path):
    lunette, python = one_file_more(tmp_path, "new-architecture.md", "src/lunette/networks/gelu.py")
    lunette(*TINY, "--network", "gelu:16,8")
    script = "import lunette; print([type(m).__name__ for m in lunette.open('run').model().encoder.network])"
    assert python(script).strip() == "['Flatten', 'Linear', 'GELU', 'Linear', 'GELU', 'Linear']"
    with pytest.raises(subprocess.CalledProcessError) as stop:
        lunette("train", "ladder", "--network", "gelu:16,8", "--rungs", "2")
    assert "no levels for codes on several rungs" in stop.value.stderr


def test_the_new_likelihood_of_the_docs_is_one_file(tmp_path):
    lunette, python = one_file_more(tmp_path, "new-likelihood.md", "src/lunette/likelihoods/cauchy.py")
    lunette(*TINY, "--network", "mlp:8", "--likelihood", "cauchy:0.2")
    lunette("evaluate", "run", "--groups", "likelihood", "--samples", "3", "--pictures", "10")
    script = """
import torch
from lunette.likelihoods import LIKELIHOODS, pixel_head
x, features = torch.rand(3, 1, 4, 4), torch.randn(3, 16)
p = pixel_head("cauchy:0.2", (1, 4, 4))(features)
exact = -(torch.pi * 0.2 * (1 + ((x.flatten(1) - features.sigmoid()) / 0.2) ** 2)).log().sum(1)
print(torch.allclose(p.log_prob(x), exact, atol=1e-4), "cauchy" in LIKELIHOODS)
"""
    assert python(script).strip() == "True True"
