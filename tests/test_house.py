"""The layout of the house: who may import whom, and what must not be imported early."""

import ast
import inspect
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tyro

import lunette
from lunette.faces.help import example_in
from lunette.faces.shell import recipe_of, verb_in
from lunette.faces.verbs import GROUPS, OF_A_RECIPE, flags_of, found, training_flags
from lunette.public import homes, verbs
from lunette.signatures import described

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
FOUNDATION = {"errors", "files", "randomness", "heads", "names", "numbers", "progress", "public", "signatures", "specs"}
FOUNDATION |= {"stored"}
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


MODELS = {"images", "networks", "codes", "densities", "likelihoods", "models", "objectives", "recipes"}


@pytest.mark.parametrize("room", ["uses", "measures", "faces"])
def test_uses_ask_no_model_for_its_class(room):
    for path in (SOURCE / room).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        classes = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[1:2] in [[room] for room in MODELS]
            for alias in node.names
        } - {"Images", "Conditioning"}  # an argument of users, and a protocol
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
                asked = {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
                assert not asked & classes, f"{path.name} asks for {asked & classes}: let the object say it"


def test_networks_and_sources_are_made_by_their_registries():
    made = {"networks": {"Mlp", "Conv"}, "images": {"Folder", "Pack", "Npz", "Digits", "read_folder", "read_pack"}}
    for room, names in made.items():
        for path in (path for path in SOURCE.rglob("*.py") if room not in path.parts):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    assert node.func.id not in names, f"{path.name} makes a {node.func.id} itself"


def test_an_import_changes_nothing_for_others():
    script = """
import logging, os, pkgutil, random, signal, sys, warnings
import numpy, torch, torch.distributed, PIL.Image, matplotlib, sklearn, rich.progress, tyro
def state():
    optimizer = {n: set(vars(f)) for n, f in vars(torch.optim.Optimizer).items() if hasattr(f, "__dict__")}
    return {
        "random": (random.getstate(), str(numpy.random.get_state()), torch.get_rng_state().tolist()),
        "torch": (torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(), optimizer),
        "process": (dict(os.environ), signal.getsignal(signal.SIGINT), os.getcwd(), sys.excepthook),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "logging": (logging.root.level, list(logging.root.handlers)),
        "pillow": (PIL.Image.MAX_IMAGE_PIXELS, dict(matplotlib.rcParams)),
    }
before = state()
import lunette
for found in pkgutil.walk_packages(lunette.__path__, "lunette."):
    if found.name != "lunette.__main__":
        __import__(found.name)
after = state()
print([name for name in before if str(before[name]) != str(after[name])])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("verb", verbs(), ids=lambda verb: verb.name)
def test_every_verb_has_an_example_that_can_be_typed(verb):
    examples = example_in(inspect.getdoc(getattr(lunette, verb.function).__wrapped__))
    assert examples
    for example in examples:
        program, *words = shlex.split(example)
        assert program == "lunette"
        name, words = verb_in(words)
        assert name == verb.name
        recipe, words = recipe_of(words) if name in OF_A_RECIPE else ("", words)
        flags = training_flags(found(name), recipe) if recipe else flags_of(found(name))
        tyro.cli(flags.parser(), args=words)


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
