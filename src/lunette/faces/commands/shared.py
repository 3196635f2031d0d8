"""What the verbs of the command line share: the spelling of their flags, and how they end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from lunette.errors import LunetteError
from lunette.files import check_writable

if TYPE_CHECKING:
    from lunette.uses.shown import Shown

RunPath = Annotated[Positional[Path], arg(help="run folder, such as runs/vae-digits-001", metavar="RUN")]
Out = Annotated[Path | None, arg(aliases=["-o"], help="picture to write; by default in the run's pictures/")]
Npz = Annotated[Path | None, arg(help="write the arrays to this .npz, too")]
Checkpoint = Annotated[str, arg(help="last, best, or a checkpoint's number")]
OwnImages = Annotated[str | None, arg(help="your own: a picture, or any source of them; by default test pictures")]
PROCESSES = "share each step among so many processes of this machine"
Processes = Annotated[int | None, arg(help="share the pictures among so many processes of this machine")]
MAX_RESTARTS = "start the processes anew so many times when one is lost"
Size = Annotated[str | None, arg(help="bring all pictures to this size: 64, or 48x64 (height x width)")]
Fit = Annotated[Literal["crop", "pad", "stretch"], arg(help="how, where the sides do not agree")]
Frames = Annotated[Literal["first", "all"], arg(help="of stacks and animations: the first, or each on its own")]
Range = Annotated[str | None, arg(help="numbers of black and white, such as 0,4095")]
Channels = Annotated[Literal[1, 3] | None, arg(help="1 for grey, 3 for RGB")]
Kind = Literal["gaussian", "mixture", "flow", "two-stage", "flow-matching"]
LabelName = Annotated[str | None, arg(help="what the pictures show, for a model that is told labels")]
Seed = Annotated[int, arg(help="for everything that is drawn at random")]


def show(result: Shown, run: Path, verb: str, out: Path | None, npz: Path | None) -> None:
    """Write a picture, and its arrays if asked, and print where they are; of several processes the first does."""
    from lunette.runs import Run

    if not is_first():
        return
    paths = [result.save(out or Run(run).pictures / f"{verb}.png")]
    if npz:
        paths.append(result.save(ending(npz, ".npz")))
    if has_last_word():
        print(*paths, sep="\n")


def check_place(run: Path, out: Path | None, npz: Path | None = None) -> None:
    """Raise LunetteError, before any work, where the picture `out` or the archive `npz` cannot be written.

    Without `out` the picture goes to the run's pictures/.
    """
    if npz:
        ending(npz, ".npz")
    if out is not None:
        from lunette.uses.shown import check_name

        check_name(out)
    elif is_first() and run.is_dir():
        check_writable(run / "pictures", "choose another place with --out")


def ending(path: Path, suffix: str) -> Path:
    """Return the name of a file with its suffix; raises LunetteError where it is a folder's."""
    file = path if path.suffix == suffix else Path(f"{path}{suffix}")
    if path.name in ("", "..") or file.is_dir():
        raise LunetteError(f"{path} is a folder: name a file in it, such as {path / f'scores{suffix}'}")
    return file


def told(run: Path) -> None:
    """Print where a trained run's report and pictures are."""
    if has_last_word():
        print(f"report    {run / 'report.html'}\npictures  {run / 'pictures'}")


def is_first() -> bool:
    """Return whether this is the first of several processes, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def has_last_word() -> bool:
    """Return whether this process tells how it ended: of several the first one does, or the one that launched them."""
    return is_first() and "LUNETTE_LAUNCHED" not in os.environ
