"""MNIST and Fashion-MNIST: found on this machine or downloaded, their bytes always checked; and some of MNIST, here."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from lunette.errors import LunetteError
from lunette.files import write_anew
from lunette.images.sets import Images, Parts
from lunette.images.sources.array_files import read_array_file
from lunette.images.sources.idx import FILES, existing, pair, read_bytes
from lunette.images.sources.source import NamedSource, no_options, source

MINI = Path(__file__).with_name("mnist-mini.npz")  # its licence is beside it
TIMEOUT = 30  # seconds without an answer


@dataclass(frozen=True)
class NamedSet:
    """Where a named set lies, in torchvision's layout too, and the SHA-256 of each uncompressed file."""

    torchvision: str
    mirrors: tuple[str, ...]
    sha256: tuple[str, ...]
    label_names: tuple[str, ...]


NAMED = {
    "mnist": NamedSet(
        torchvision="MNIST",
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        sha256=(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        label_names=tuple("0123456789"),
    ),
    "fashion-mnist": NamedSet(
        torchvision="FashionMNIST",
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        sha256=(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        label_names=(
            "T-shirt", "trouser", "pullover", "dress", "coat",
            "sandal", "shirt", "sneaker", "bag", "ankle boot",
        ),
    ),
}  # fmt: skip


def read_named(name: str) -> tuple[Images, Images]:
    """Return the training and test pictures of a named set; downloads what is not on this machine."""
    paths = [find(name, file) or download(name, file) for file in FILES]
    contents = [read_bytes(path) for path in paths]
    for path, content, expected in zip(paths, contents, NAMED[name].sha256, strict=True):
        if hashlib.sha256(content).hexdigest() != expected:
            raise LunetteError(
                f"{path} is not {name}'s {path.name} (its SHA-256 differs): remove it, and it is fetched anew"
            )
    return pair(contents, paths, NAMED[name].label_names)


def folders(name: str) -> list[Path]:
    """Return where a named set is looked for: LUNETTE_DATA, torchvision's layout in it, the user's cache."""
    cache = platformdirs.user_cache_path("lunette") / name
    root = os.environ.get("LUNETTE_DATA")
    return [*((Path(root) / name, Path(root) / NAMED[name].torchvision / "raw") if root else ()), cache]


def search_folders() -> dict[str, list[Path]]:
    """Return where each named set is looked for, in order; downloads go to the last place."""
    return {name: folders(name) for name in NAMED}


def find(name: str, file: str) -> Path | None:
    """Return the path of one of a named set's files, packed or not, or None."""
    return next((path for folder in folders(name) if (path := existing(folder, file))), None)


def download(name: str, file: str) -> Path:
    """Fetch a file from the first mirror with the right bytes into the user's cache; return its path."""
    goal = folders(name)[-1] / f"{file}.gz"
    expected = NAMED[name].sha256[FILES.index(file)]
    reasons = []
    for mirror in NAMED[name].mirrors:
        try:
            with urllib.request.urlopen(f"{mirror}{file}.gz", timeout=TIMEOUT) as answer:
                data = answer.read()
            if hashlib.sha256(gzip.decompress(data)).hexdigest() == expected:
                write_anew(goal, data)
                return goal
            reasons.append(f"{mirror} sent other bytes than {name}'s")
        except (OSError, EOFError, zlib.error, http.client.HTTPException) as error:
            reasons.append(f"{mirror}: {error}")
    raise LunetteError(
        f"cannot download {name} ({'; '.join(reasons)}); put {', '.join(f'{f}.gz' for f in FILES)} into "
        f"a folder {name}/ and set LUNETTE_DATA to the folder above it"
    )


class FoundOrFetched(NamedSource):
    """A set of `NAMED`, found on this machine or downloaded."""

    def images(self, options: str) -> Parts:  # noqa: D102
        no_options(self.name, options)
        return Parts(*read_named(self.name))


@source
class Mnist(FoundOrFetched):
    """The set `mnist`."""

    name = help = "mnist"


@source
class FashionMnist(FoundOrFetched):
    """The set `fashion-mnist`."""

    name = help = "fashion-mnist"


@source
class MnistMini(NamedSource):
    """5,000 training and 1,000 test pictures of MNIST, which come with Lunette; made by examples/mnist_mini.py."""

    name = help = "mnist-mini"

    def images(self, options: str) -> Parts:  # noqa: D102
        no_options(self.name, options)
        return read_array_file(MINI)
