"""Pictures as files, each under its own name."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lunette.files import check_free, whole_folder, write_through
from lunette.images import signature
from lunette.results.sheet import Sheet

SHEET = "sheet"


def save_pictures(folder: str | Path, images: NDArray[np.float32], names: Sequence[str], sheet: Image.Image) -> Path:
    """Write images (N, C, H, W) as PNG files named as `names`, or by number, and sheet.png, all of them or nothing.

    Files keep their endings (cat.jpg.png) where names would not differ without. Raises LunetteError for a folder
    with something in it.
    """
    folder = Path(folder)
    check_free(folder)
    files = names or [f"{number:05d}.png" for number in range(len(images))]
    stems = [str(PurePath(file).with_suffix("")) for file in files]
    stems = stems if len({*stems, SHEET}) > len(stems) else list(files)
    with whole_folder(folder) as partial:
        for stem, picture in zip([*stems, SHEET], [*Sheet(images, columns=1).pictures(), sheet], strict=True):
            path, data = partial / f"{stem}.png", io.BytesIO()
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(data, "PNG", **(signature("PNG") if picture is sheet else {}))
            write_through(path, data.getvalue())
    return folder
