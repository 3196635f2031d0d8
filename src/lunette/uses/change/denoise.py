"""Damaged pictures mended: what comes back from their codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lunette.compute import in_batches, to_float, values_per_pixel
from lunette.compute.coding import decode, encode, part
from lunette.errors import LunetteError
from lunette.images import CORRUPTIONS, Corruption, Data, corruption
from lunette.measures.fidelity import psnr
from lunette.models import LatentModel
from lunette.progress import Progress, announce, watched
from lunette.randomness import reseed
from lunette.results.blocks import Block
from lunette.results.picture_folder import save_pictures
from lunette.results.result import Pictured
from lunette.results.sheet import Sheet
from lunette.runs import open_run
from lunette.signatures import Flag
from lunette.uses.verb import Checkpoint, GivenImages, LabelName, RunFolder, Seed, verb

LEVEL = 0.3  # of damage where none is named, as in training
SHOWN, GROUPS_A_ROW = 32, 4  # on the sheet

Noise = Literal["normal", "masking", "salt-and-pepper"]


@dataclass(frozen=True, repr=False)
class Mended(Pictured):
    """Pictures (N, C, H, W), float32 in [0, 1]: damaged, mended (`images`) and, where they are known, clean.

    `learned` says whether the model was trained to mend damage; else they are projected on what it can draw.
    """

    damaged: NDArray[np.float32]
    images: NDArray[np.float32]
    clean: NDArray[np.float32] | None
    learned: bool
    names: tuple[str, ...] = ()  # of the files that they were

    @property
    def before(self) -> NDArray[np.float32] | None:
        """The PSNR (N,) of each damaged picture in dB, 58.9 at most."""
        return self._psnr(self.damaged)

    @property
    def after(self) -> NDArray[np.float32] | None:
        """The PSNR (N,) of each mended picture in dB, 58.9 at most."""
        return self._psnr(self.images)

    def _psnr(self, images: NDArray[np.float32]) -> NDArray[np.float32] | None:
        if self.clean is None:
            return None
        return psnr(torch.from_numpy(self.clean), torch.from_numpy(images)).numpy()

    def __repr__(self) -> str:
        before, after = self.before, self.after
        known = "" if before is None or after is None else f", PSNR {before.mean():.2f} → {after.mean():.2f} dB"
        how = "mended" if self.learned else "projected on what the model draws"
        return f"Mended({len(self.images)} pictures {how}{known})"

    def blocks(self) -> Iterator[Block]:
        """Yield what it is."""
        yield self.sentence()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the pictures, and the PSNR where it is known."""
        found = {"damaged": self.damaged, "images": self.images, "clean": self.clean}
        numbers = {"psnr_before": self.before, "psnr_after": self.after}
        return {name: array for name, array in {**found, **numbers}.items() if array is not None}

    def picture(self) -> Image.Image:
        """Return the first 32 pictures, four a row: damaged, mended (and clean)."""
        parts = {"damaged": self.damaged, "restored": self.images, "original": self.clean}
        known = {name: each[:SHOWN] for name, each in parts.items() if each is not None}
        rows = np.stack(list(known.values()), axis=1)
        return Sheet(rows.reshape(-1, *rows.shape[2:]), GROUPS_A_ROW * len(known), tuple(known)).picture()

    def save_folder(self, folder: str | Path) -> Path:
        """Write each mended picture as a PNG file of its own name, or number, and sheet.png, all of them or nothing.

        Raises LunetteError for a folder with something in it.
        """
        return save_pictures(folder, self.images, self.names, self.picture())


@verb("denoise", "change", out="folder")
def denoise(
    run: RunFolder,
    images: GivenImages = None,
    *,
    clean: Annotated[
        Data | None, Flag("the same pictures undamaged, with the same names: tells the PSNR", str | None)
    ] = None,
    noise: Annotated[
        Noise | None,
        "damage the pictures first; test pictures always are, by default as the run learned to mend",
    ] = None,
    level: Annotated[float | None, "of the noise: its deviation, or its share of pixels; default 0.3"] = None,
    label: LabelName = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
) -> Mended:
    """Mend damaged pictures.

    They are brought to the model's size; what comes out is the mean image of each one's mean code. A model that was
    trained to (recipe denoising) mends what it learned to; any other projects pictures on those that it can draw, and
    details of them go too. With `clean`, the same pictures undamaged in the same order and under the same names (a
    single one under any), the PSNR is known. So it is where the damage is made here, by `seed`: of the test pictures
    without `images`, and of `images` with `noise` (normal, masking or salt-and-pepper of `level`, by default 0.3). The
    test pictures' is by default the one that the model learned to mend, or normal. `label` is for a model that is told
    labels.

    Raises:
        LunetteError: where damaged and clean pictures are not the same, and for a damage of no name.

    Example:
        lunette denoise runs/denoising-mnist-001 noisy/ -o mended/
    """
    trained = open_run(run).trained(checkpoint)
    model = trained.model
    damage = damage_of(model, noise, level) if images is None or noise or level is not None else None
    if damage and clean is not None:
        raise LunetteError("pictures that are damaged here are clean before: leave out clean, or noise and level")
    given, names = trained.named_pictures(images)
    y = trained.y(given, label)
    x, known = to_float(given.pixels[:]), None
    if damage:
        with torch.random.fork_rng():
            reseed(seed, "denoise")
            known, x = x, damage(x)
    elif clean is not None:
        pictures, others = trained.named_pictures(clean)
        check_same(names, others, (len(x), len(pictures)))
        known = to_float(pictures.pixels[:])
    return denoise_model(model, x, known, y, names)


def denoise_model(
    model: LatentModel,
    x: Tensor,
    clean: Tensor | None = None,
    y: Tensor | None = None,
    names: tuple[str, ...] = (),
) -> Mended:
    """Do what `denoise` does, with a model at hand and damaged pictures x (N, C, H, W), of labels y (N,) if any."""
    images = np.empty(x.shape, np.float32)
    for batch in in_batches(len(x), x.shape[1:], values_per_pixel(model)):
        told = part(y, batch, x.device)
        with watched(None):
            images[batch] = decode(model, encode(model, x[batch], told), told)
        announce(Progress("mending pictures", min(batch.stop, len(x)), len(x)))
    known = None if clean is None else clean.numpy()
    # The model sees noise as it comes; a picture holds what of it lies in [0, 1].
    return Mended(x.clamp(0, 1).numpy(), images.clip(0, 1), known, model.corrupt is not None, names)


def damage_of(model: LatentModel, noise: str | None, level: float | None) -> Corruption:
    """Return the damage called `noise`, or what the model learned to mend, or normal noise where it learned none."""
    if noise is None and level is not None:
        raise LunetteError(f"level {level} says how strong, and not which noise: name it: {', '.join(CORRUPTIONS)}")
    if noise is None and model.corrupt is not None:
        return model.corrupt
    return corruption(noise or "normal", LEVEL if level is None else level)


def check_same(damaged: Sequence[str], clean: Sequence[str], counts: tuple[int, int]) -> None:
    """Raise LunetteError unless damaged and clean pictures are as many, and files of the same names but for endings.

    Of one and one there is no doubt, whatever they are called.
    """
    if counts[0] != counts[1]:
        raise LunetteError(f"{counts[0]} damaged pictures and {counts[1]} clean ones: each needs its own")
    if counts == (1, 1):
        return
    for one, other in zip(damaged, clean, strict=bool(damaged and clean)):
        if PurePath(one).with_suffix("") != PurePath(other).with_suffix(""):
            raise LunetteError(f"the damaged picture {one} would be compared with {other}: give both the same name")
