"""What the documents show is what there is."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

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


def test_the_new_verb_of_the_docs_is_one_file(tmp_path):
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "new-verb.md").read_text(encoding="utf-8"), re.S)[1]
    shutil.copytree(ROOT / "src" / "lunette", tmp_path / "src" / "lunette")
    (tmp_path / "src" / "lunette" / "uses" / "average.py").write_text(code, encoding="utf-8")
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(tmp_path / "src")}

    def lunette(*words):
        command = [sys.executable, "-m", "lunette", *words]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout

    lunette("train", "vae", "--epochs", "1", "--network", "mlp:8", "--pictures", "0", "--out", "run")
    assert lunette("average", "run", "--n", "20").strip() == "run/pictures/average.png"
    assert "average       Draw the picture of the mean code of n test pictures." in lunette("--help")
    assert "test pictures whose codes are averaged" in " ".join(lunette("average", "--help").replace("│", " ").split())
    with Image.open(tmp_path / "run" / "pictures" / "average.png") as picture:
        assert picture.width > 8
