"""Lunette: a window into your images' latent space.

    import lunette
    run = lunette.train("vae", data="mnist", epochs=10)
    lunette.sample(run, 64).save("samples.png")

Every verb of the command line is a function of the same name here; the recipes are in `lunette.recipes`. A verb shows
how far it is, unless it is called with progress=False. Importing this package is quick: torch is imported by the first
call that needs it.
"""

from __future__ import annotations

import importlib
from typing import Any

from lunette.public import homes, verbs

__all__ = list(homes())


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("lunette")
    home = homes().get(name) or next((verb.module for verb in verbs() if verb.function == name), None)
    if home is None:
        raise AttributeError(f"module 'lunette' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    if home.startswith("lunette.uses."):
        value = importlib.import_module("lunette.faces.python").shown(value)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
