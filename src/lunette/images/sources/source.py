"""What a kind of source says of itself, and the registry of all kinds: a new one is a file in this folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, TypeVar

from lunette.errors import LunetteError
from lunette.images.sets import Images, Parts
from lunette.images.settings import DataSettings

DEFAULT = DataSettings()


class Source(ABC):
    """One kind of source, such as a folder of pictures: what it matches, and how it is read."""

    help: ClassVar[str] = ""  # what the help of --data calls it; a kind of which it says nothing has none
    rank: ClassVar[int] = 2  # of several kinds that match, the one of the lowest rank is meant
    is_data: ClassVar[bool] = True  # whether it is more than one picture, so that it can be trained on
    is_files: ClassVar[bool] = False  # whether its pictures are files, which a pack reads one after another

    @abstractmethod
    def matches(self, text: str) -> bool:
        """Return whether `text`, as a user wrote it, is of this kind."""

    @abstractmethod
    def read(self, text: str, settings: DataSettings, check: bool) -> Parts:
        """Return its pictures, in its own splits where it has some.

        Args:
            text: what matched.
            settings: size, channels and range that are asked for; what is not done here is done after.
            check: whether large files are to be read once more for their SHA-256, where they have one.

        Raises:
            LunetteError: it cannot be read, or not so.
        """

    def read_named(self, text: str, settings: DataSettings) -> tuple[Images, tuple[str, ...]]:
        """Return all of its pictures that are no test or validation pictures, and the names of their files if any."""
        return self.read(text, settings, check=False).train, ()


Kind = TypeVar("Kind", bound=type[Source])
SOURCES: list[Source] = []


def source(kind: Kind) -> Kind:
    """Register a kind of source."""
    SOURCES.append(kind())
    SOURCES.sort(key=lambda one: (one.rank, type(one).__name__))  # no order of imports
    return kind


def help_of_sources() -> str:
    """Return what the help of --data says: all kinds, sets before files."""
    return ", ".join(kind.help for kind in SOURCES if kind.help)


class NamedSource(Source):
    """A set that is asked for by its `name`, and by name:OPTIONS where it has some: abstract in `images`."""

    rank = 0
    name: ClassVar[str]

    def matches(self, text: str) -> bool:
        """Return whether the name stands before any colon."""
        return text.partition(":")[0] == self.name

    def read(self, text: str, settings: DataSettings, check: bool) -> Parts:  # noqa: ARG002, D102
        if settings.range:
            raise LunetteError(f"{self.name} has black and white of its own: leave out --range")
        return self.images(text.partition(":")[2])

    @abstractmethod
    def images(self, options: str) -> Parts:
        """Return the pictures; raises LunetteError for options that it does not have."""


def no_options(name: str, options: str) -> None:
    """Raise LunetteError where something follows the name of a set that has no options."""
    if options:
        raise LunetteError(f"{name} has no options, such as {options!r}: say {name}")


def path_of(text: str) -> Path:
    """Return the path that a user wrote."""
    return Path(text).expanduser()
