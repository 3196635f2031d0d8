"""One small file a variant: a named, typed function that returns a Recipe, and registers itself."""

import importlib
import pkgutil

from lunette.recipes.description import Ability, Description, describe, no_bound, pixel_head_of
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
    "Ability",
    "Argument",
    "Description",
    "Recipe",
    "Stage",
    "arguments",
    "build",
    "describe",
    "described",
    "find",
    "no_bound",
    "pixel_head_of",
    "recipe",
    "size",
    "summary",
]

# Importing a recipe registers it: a new variant is a new file here, and nothing else.
for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
