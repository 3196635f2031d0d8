"""The layout of the house: who may import whom, and what must not be imported early."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import lunette
from lunette.faces.verbs import GROUPS
from lunette.public import homes, verbs
from lunette.recipes import described

ROOMS = [
    "images",
    "networks",
    "codes",
    "densities",
    "likelihoods",
    "models",
    "objectives",
    "recipes",
    "compute",
    "results",
]
ROOMS += ["results", "training", "runs", "measures", "uses", "faces"]
SOURCE = Path(lunette.__file__).parent
FOUNDATION = {"errors", "files", "randomness", "heads", "names", "numbers", "progress", "public", "specs", "stored"}
DOORS = {"__init__", "__main__", "sklearn"}  # what users run and import, which may import every room


def imports(path):
    """Yield the lunette modules that a file imports, also within its functions, but not for types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "lunette":
            parts = node.module.split(".")
            yield from ([parts[1]] if len(parts) > 1 else [alias.name for alias in node.names])
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lunette."))


@pytest.mark.parametrize("room", ROOMS)
def test_a_folder_imports_only_from_its_left(room):
    left = {*ROOMS[: ROOMS.index(room) + 1], *FOUNDATION}
    for path in (SOURCE / room).rglob("*.py"):
        for name in imports(path):
            assert name in left, f"{path.relative_to(SOURCE)} imports {name}"


def test_every_folder_is_a_room():
    folders = {path.parent.relative_to(SOURCE).parts[0] for path in SOURCE.glob("*/**/*.py")}
    assert folders == set(ROOMS)


def test_no_folder_has_more_files_than_are_seen_at_once():
    for folder in {path.parent for path in SOURCE.rglob("*.py")}:
        assert len(list(folder.glob("*.py"))) <= 15, folder


def test_beside_the_rooms_are_what_all_stand_on_and_doors():
    assert {path.stem for path in SOURCE.glob("*.py")} == FOUNDATION | DOORS
    for name in FOUNDATION:
        assert set(imports(SOURCE / f"{name}.py")) <= FOUNDATION


@pytest.mark.parametrize("code", ["import lunette", "from lunette.faces.cli import main; main(['--help'])"])
def test_importing_and_help_stay_free_of_heavy_packages(code):
    script = (
        "import contextlib, sys\n"
        f"with contextlib.suppress(SystemExit): exec({code!r})\n"
        "heavy = {'torch', 'numpy', 'scipy', 'sklearn', 'matplotlib', 'PIL', 'safetensors', 'zuko', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)), len(sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    found, count = output.strip().splitlines()[-1].rsplit(" ", 1)
    assert found == "[]"
    assert int(count) < (80 if code == "import lunette" else 900)


def test_every_public_name_is_there():
    for name in lunette.__all__:
        assert getattr(lunette, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'samples'"):
        lunette.samples  # noqa: B018


def test_denoising_does_not_wait_for_what_evaluates():
    script = "import sys, lunette.uses.change.denoise; print('lunette.uses.evaluate' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_every_verb_is_public_under_the_name_of_its_function():
    for verb in verbs():
        assert homes().get(verb.function) == verb.module, f"add {verb.function} to __init__.pyi"


def test_faces_make_flags_of_signatures_and_of_where_results_go():
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (SOURCE / "faces").glob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = {ast.unparse(call.func): call for call in calls}
    own = [call.args[0].value for call in calls if ast.unparse(call.func) == "Argument"]
    assert sorted(own) == ["csv", "npz", "out", "progress"]
    assert {"tyro.cli", "tyro.conf.arg"} <= named.keys()
    assert sum(ast.unparse(call.func) == "tyro.conf.arg" for call in calls) == 1


def test_verbs_have_signatures_and_say_what_they_do():
    for verb in verbs():
        function = getattr(lunette, verb.function)
        parameters = inspect.signature(function).parameters
        assert parameters["progress"].default is True
        assert function.__doc__.split("\n")[0].endswith(".")
        assert verb.group in GROUPS
        for argument in described(function.__wrapped__):
            if parameters[argument.name].kind != inspect.Parameter.VAR_KEYWORD and argument.name != "recipe":
                assert argument.help, (verb.name, argument.name)
