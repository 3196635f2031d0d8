"""Lunette: a window into your images' latent space.

    import lunette
    run = lunette.train("vae", data="mnist", epochs=10)
    lunette.sample(run, 64).save("samples.png")

Every verb of the command line is a function of the same name here; the recipes are in `lunette.recipes`.
Importing this package is quick: torch is imported by the first call that needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lunette.errors import Diverged, Interrupted, LunetteError, LunetteWarning
    from lunette.faces.python import (
        add_concept,
        anomalies,
        denoise,
        edit,
        evaluate,
        evidence,
        export,
        fit_prior,
        inpaint,
        pack,
        resume,
        train,
        tune,
        unpack,
    )
    from lunette.images import Images, load
    from lunette.recipes import recipe
    from lunette.runs import Run
    from lunette.uses.comparison import compare
    from lunette.uses.concepts import concepts
    from lunette.uses.data import data
    from lunette.uses.doctor import doctor
    from lunette.uses.interpolate import interpolate
    from lunette.uses.latents import latents
    from lunette.uses.manifold import manifold
    from lunette.uses.reconstruct import reconstruct
    from lunette.uses.sample import sample

_HOMES = {
    "Diverged": "lunette.errors",
    "Interrupted": "lunette.errors",
    "LunetteError": "lunette.errors",
    "LunetteWarning": "lunette.errors",
    "Images": "lunette.images",
    "Run": "lunette.runs",
    "add_concept": "lunette.faces.python",
    "anomalies": "lunette.faces.python",
    "compare": "lunette.uses.comparison",
    "concepts": "lunette.uses.concepts",
    "data": "lunette.uses.data",
    "denoise": "lunette.faces.python",
    "doctor": "lunette.uses.doctor",
    "edit": "lunette.faces.python",
    "evaluate": "lunette.faces.python",
    "evidence": "lunette.faces.python",
    "export": "lunette.faces.python",
    "fit_prior": "lunette.faces.python",
    "inpaint": "lunette.faces.python",
    "interpolate": "lunette.uses.interpolate",
    "latents": "lunette.uses.latents",
    "load": "lunette.images",
    "manifold": "lunette.uses.manifold",
    "pack": "lunette.faces.python",
    "recipe": "lunette.recipes",
    "reconstruct": "lunette.uses.reconstruct",
    "resume": "lunette.faces.python",
    "sample": "lunette.uses.sample",
    "train": "lunette.faces.python",
    "tune": "lunette.faces.python",
    "unpack": "lunette.faces.python",
}

__all__ = [
    "Diverged",
    "Images",
    "Interrupted",
    "LunetteError",
    "LunetteWarning",
    "Run",
    "add_concept",
    "anomalies",
    "compare",
    "concepts",
    "data",
    "denoise",
    "doctor",
    "edit",
    "evaluate",
    "evidence",
    "export",
    "fit_prior",
    "inpaint",
    "interpolate",
    "latents",
    "load",
    "manifold",
    "pack",
    "recipe",
    "reconstruct",
    "resume",
    "sample",
    "train",
    "tune",
    "unpack",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("lunette")
    if name not in _HOMES:
        raise AttributeError(f"module 'lunette' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
