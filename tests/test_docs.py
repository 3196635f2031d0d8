"""What the documents show is what there is."""

import os
import re
import subprocess
import sys
from pathlib import Path

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
