"""A verb is data: one function, whose annotated signature is its Python call, its flags and its help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from lunette.images import Data, Label, help_of_sources
from lunette.runs import AnyRun
from lunette.signatures import Flag

Returned = TypeVar("Returned")
Out = Literal["", "picture", "folder", "sheet", "page"]


@dataclass(frozen=True)
class Verb:
    """A function and what a shell adds to it."""

    name: str  # in a shell, such as fit-prior
    group: str  # of verbs, in their help
    call: Callable[..., Any]
    out: Out = ""  # what --out writes of the result, beside the function's own parameters
    table: bool = False  # whether --csv writes the result as a table, too
    takes: tuple[type[Any], ...] = ()  # dataclasses whose fields are its further keywords
    without: tuple[str, ...] = ()  # of these fields: they mean nothing here


VERBS: dict[str, Verb] = {}


def verb(name: str, group: str, **more: Any) -> Callable[[Callable[..., Returned]], Callable[..., Returned]]:
    """Register a function as the verb called `name`; `more` are the other fields of Verb."""

    def register(call: Callable[..., Returned]) -> Callable[..., Returned]:
        VERBS[name] = Verb(name, group, call, **more)
        return call

    return register


# What several verbs take.
RunFolder = Annotated[AnyRun, Flag("run folder, such as runs/vae-digits-001", Path, "RUN")]
Source = Annotated[Data, Flag(help_of_sources(), str, group="data", common=True)]
Checkpoint = Annotated[str, "last, best, or a checkpoint's number"]
Seed = Annotated[int, "for everything that is drawn at random"]
OwnImages = Annotated[
    Data | None, Flag("your own: a picture, or any source of them; by default test pictures", str | None)
]
GivenImages = Annotated[
    Data | None, Flag("your own: a picture, or any source of them; by default test pictures", str | None, "IMAGES")
]
LabelName = Annotated[Label | None, Flag("what the pictures show, for a model that is told labels", str | None)]
PriorKind = Literal["gaussian", "mixture", "flow", "two-stage", "flow-matching"]
Processes = Annotated[int | None, Flag("share the work among so many processes of this machine", group="machine")]
Restarts = Annotated[int, Flag("start the processes anew so many times when one is lost", group="machine")]
With = Annotated[
    Data | None,
    Flag("examples that have it: label:NAME, or any source of pictures", str | None, name="with", aliases=("--to",)),
]
Without = Annotated[Data | None, Flag("examples that lack it", str | None, aliases=("--from",))]
Measured = Annotated[
    Literal["slant", "thickness"] | None,
    "from the training pictures of each label in which this is largest and smallest",
]
