"""One small file a variant: a named, typed function that returns a Recipe, and registers itself."""

from lunette.recipes.description import Ability, Description, describe, no_bound
from lunette.recipes.registry import (
    RECIPES,
    Recipe,
    Stage,
    arguments,
    build,
    find,
    recipe,
    size,
    summary,
)
from lunette.specs import import_all

__all__ = [
    "RECIPES",
    "Ability",
    "Description",
    "Recipe",
    "Stage",
    "arguments",
    "build",
    "describe",
    "find",
    "no_bound",
    "recipe",
    "size",
    "summary",
]

# What a file here defines registers itself: a new variant is a new file here, and nothing else.
import_all(__name__)
