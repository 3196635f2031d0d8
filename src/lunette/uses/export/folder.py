"""A run for others: its networks as ONNX and safetensors, with a card that says what they are; or all of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import torch

from lunette.compute import to_float
from lunette.errors import LunetteError, Unsupported
from lunette.files import check_free, whole_folder, write_through
from lunette.images import Images
from lunette.progress import Progress, announce
from lunette.recipes import describe
from lunette.results.sheet import Sheet
from lunette.runs import Run, Trained, open_run
from lunette.signatures import Flag
from lunette.uses.draw.reconstruct import reconstruct_model
from lunette.uses.draw.sample import sample_trained
from lunette.uses.export.bundle import pack_run
from lunette.uses.export.card import model_card, public
from lunette.uses.export.networks import PICTURES, check_extra, check_model, networks
from lunette.uses.verb import Checkpoint, RunFolder, verb

SHOWN = 32  # test pictures on the card, each beside what comes back


@verb("export", "take away")
def export(
    run: RunFolder,
    out: Annotated[
        str | Path, Flag("folder to write; or a name that ends in .zip: all of the run", Path, aliases=("-o",))
    ],
    *,
    checkpoint: Checkpoint = "last",
) -> Path:
    """Write a run for others: ONNX, safetensors and a model card; or all of it as one .zip.

    It goes to the folder `out`, whole or not at all; returns its path. In it are encoder.onnx and decoder.onnx, which
    are checked against torch on test pictures, model.safetensors, run.toml without paths of this machine, and
    MODEL_CARD.md with pictures. Where `out` ends in .zip it is instead the run folder itself, with all of its
    checkpoints, as one file that `unpack` opens anywhere.

    Raises:
        LunetteError: where `out` exists, the run has no whole checkpoint, a package of the extra `export` is missing,
            or ONNX cannot hold the model within 1e-5.

    Example:
        lunette export runs/vae-mnist-001 -o model/
    """
    out = Path(out).expanduser()
    check_free(out)
    opened = open_run(run)
    if out.suffix.lower() == ".zip":
        if checkpoint != "last":
            raise LunetteError(f"{out} gets every checkpoint of the run: leave --checkpoint {checkpoint} out")
        opened.checkpoints.load()  # a run without a whole one would be of no use elsewhere
        pack_run(opened, out)
        return out
    check_extra()
    loaded = opened.checkpoints.load(checkpoint)
    trained = opened.trained(loaded, device="cpu")
    model = trained.model
    check_model(model)
    pictures = checked_with(opened)
    x, y = to_float(pictures.pixels[:]), trained.y(pictures)
    files, difference = {}, 0.0
    for network in networks(model, x, y, metadata(trained)):
        files[network.name], difference = network.data, max(difference, network.difference)
        announce(Progress("writing networks", len(files), 2))
    files["model.safetensors"] = loaded.weights
    files["run.toml"] = public(opened.settings).to_toml().encode()
    sheets = sheets_of(trained)
    files["MODEL_CARD.md"] = model_card(trained, list(sheets), difference).encode()
    with whole_folder(out) as folder:
        (folder / "pictures").mkdir()
        for name, sheet in sheets.items():
            sheet.save(folder / "pictures" / f"{name}.png")
        for name, data in files.items():
            write_through(folder / name, data)
    return out


def metadata(trained: Trained) -> Mapping[str, str]:
    """Return what the ONNX files say of themselves; numbers and lists are JSON."""
    settings = public(trained.run.settings)
    return {
        "recipe": settings.recipe,
        "arguments": json.dumps(settings.arguments),
        "latent": json.dumps(trained.rungs),
        "shape": json.dumps(settings.shape),
        "pixel_range": "[0, 1]",
        "likelihood": str(settings.arguments.get("likelihood", "")),
        "density": str(describe(trained.recipe).density),
        "label_names": json.dumps(settings.label_names, ensure_ascii=False),
        "data": settings.source,
        "data_sha256": str(settings.facts["sha256"]),
        "checkpoint": trained.name,
        "checkpoint_sha256": trained.sha256,
        "lunette": settings.versions["lunette"],
    }


def checked_with(run: Run) -> Images:
    """Return the images that networks are compared on: test pictures, or noise where the run's data cannot be read."""
    if not run.missing_data:
        test = run.dataset.test
        return test.take(torch.arange(PICTURES) % len(test))
    noise = np.random.default_rng(0).integers(0, 256, (PICTURES, *run.settings.shape), dtype=np.uint8)
    names = run.settings.label_names
    return Images(torch.from_numpy(noise), torch.arange(PICTURES) % len(names) if names else None, names)


def sheets_of(trained: Trained) -> dict[str, Sheet]:
    """Return pictures for the card, by name: reconstructions, and samples where something says which codes to draw."""
    sheets = {}
    if not trained.run.missing_data:
        sheets["reconstructions"] = reconstruct_model(trained.model, trained.pictures().take(slice(SHOWN)))
    with contextlib.suppress(Unsupported):  # there is no prior, or none of this checkpoint's codes
        sheets["samples"] = sample_trained(trained)
    return sheets
