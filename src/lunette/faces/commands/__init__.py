"""The verbs of the command line, one function each; their docstrings are its help.

Nothing here imports torch before a verb is called: `lunette --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable

from lunette.faces.commands.catalogue import data, doctor, pack, recipes
from lunette.faces.commands.changing import concept_add, concept_list, denoise, edit, inpaint
from lunette.faces.commands.measuring import anomalies, compare, evaluate
from lunette.faces.commands.pictures import interpolate, latents, manifold, reconstruct, sample
from lunette.faces.commands.taking import export, unpack
from lunette.faces.commands.training import fit_prior, resume, train, tune

VERBS: dict[str, Callable[..., None]] = {
    "train": train,
    "resume": resume,
    "tune": tune,
    "fit-prior": fit_prior,
    "sample": sample,
    "reconstruct": reconstruct,
    "interpolate": interpolate,
    "manifold": manifold,
    "latents": latents,
    "anomalies": anomalies,
    "evaluate": evaluate,
    "compare": compare,
    "edit": edit,
    "concept add": concept_add,
    "concept list": concept_list,
    "denoise": denoise,
    "inpaint": inpaint,
    "export": export,
    "unpack": unpack,
    "recipes": recipes,
    "data": data,
    "data pack": pack,
    "doctor": doctor,
}
