"""What a user gave for training, as what it is: the recipe's arguments, training's settings, the data's, a source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import typeguard

from lunette.errors import LunetteError, unknown
from lunette.images import DataSettings, Shape, is_name
from lunette.names import written
from lunette.randomness import reseed
from lunette.recipes import Recipe, arguments, build
from lunette.training import TrainingSettings


def built_with_seed(recipe: str, shape: Shape, given: Mapping[str, Any], seed: int, labels: int) -> Recipe:
    """Return the recipe with the initial weights that belong to `seed`."""
    reseed(seed, "weights")
    try:
        return build(recipe, shape, given, labels)
    except (MemoryError, RuntimeError, OverflowError) as error:
        reason = str(error).split("\n")[0]
        raise LunetteError(f"cannot build {recipe} for pictures of {shape}: {reason}") from error


def resolved(source: str | Path) -> str:
    """Return a source as it can be found from any folder: a name as it is, a path in full."""
    path = Path(source).expanduser()
    return written(str(path.resolve()) if path.exists() and not is_name(source) else str(source))


def sort_settings(recipe: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], TrainingSettings, DataSettings]:
    """Part settings by whose they are (the recipe's arguments, training's, the data's), and check their types."""
    own = {argument.name: argument.type for argument in arguments(recipe)}
    training, data = (get_type_hints(kind) for kind in (TrainingSettings, DataSettings))
    known = {**own, **training, **data}
    # Numbers of NumPy, torch and others are numbers.
    settings = {name: value.item() if hasattr(value, "item") else value for name, value in settings.items()}
    for name, value in settings.items():
        if name not in known:
            raise unknown("setting", name, known)
        try:
            typeguard.check_type(value, known[name])
        except typeguard.TypeCheckError as error:
            raise LunetteError(f"{name} cannot be {value!r}: {str(error).splitlines()[0]}") from None

    def only(names: Mapping[str, Any]) -> dict[str, Any]:
        return {name: settings[name] for name in names if name in settings}

    return only(own), TrainingSettings(**only(training)), DataSettings(**only(data))
