"""One small file a variant: a named, typed function that returns a Recipe, and registers itself."""

import importlib
import pkgutil

from lunette.recipes.abilities import YES, Abilities, abilities
from lunette.recipes.registry import (
    RECIPES,
    Argument,
    Recipe,
    Stage,
    arguments,
    build,
    described,
    find,
    recipe,
    size,
    summary,
)

__all__ = [
    "RECIPES",
    "YES",
    "Abilities",
    "Argument",
    "Recipe",
    "Stage",
    "abilities",
    "arguments",
    "build",
    "described",
    "find",
    "recipe",
    "size",
    "summary",
]

# Importing a recipe registers it: a new variant is a new file here, and nothing else.
for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
