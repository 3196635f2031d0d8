"""The verbs of the command line, one function each; their docstrings are its help.

Nothing here imports torch before a verb is called: `lunette --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable

from lunette.faces.commands.catalogue import data, doctor, pack, recipes
from lunette.faces.commands.measuring import evaluate
from lunette.faces.commands.pictures import interpolate, latents, manifold, reconstruct, sample
from lunette.faces.commands.taking import export, unpack
from lunette.faces.commands.training import fit_prior, resume, train

VERBS: dict[str, Callable[..., None]] = {
    "train": train,
    "resume": resume,
    "fit-prior": fit_prior,
    "sample": sample,
    "reconstruct": reconstruct,
    "interpolate": interpolate,
    "manifold": manifold,
    "latents": latents,
    "evaluate": evaluate,
    "export": export,
    "unpack": unpack,
    "recipes": recipes,
    "data": data,
    "data pack": pack,
    "doctor": doctor,
}
