"""Verbs that take a run elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from lunette.faces.commands.shared import Checkpoint, RunPath


def export(
    run: RunPath,
    out: Annotated[Path, arg(aliases=["-o"], help="folder to write; or a name that ends in .zip: all of the run")],
    checkpoint: Checkpoint = "last",
) -> None:
    """Write a run for others: ONNX, safetensors and a model card; or, as RUN.zip, one file to unpack elsewhere."""
    from lunette.faces import python

    print(python.export(run, out, checkpoint=checkpoint))


def unpack(
    file: Annotated[Positional[Path], arg(help="what lunette export wrote as a .zip", metavar="FILE")],
    out: Annotated[Path | None, arg(aliases=["-o"], help="run folder to write; by default runs/NAME")] = None,
) -> None:
    """Open a run that was packed as one file: lunette unpack FILE -o RUN."""
    from lunette.faces import python

    print(python.unpack(file, out).path)
