"""Other programs to compare with, each in an environment of its own and driven from here in turns.

    LUNETTE_DATA=… python benchmarks/peers.py [NAME …]

This tries each peer with a few pictures. A peer NAME is `peers/NAME.py`, which runs in a virtual environment made of
`peers/NAME.txt` in the user's cache, and answers commands through `peers/child.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray

from lunette.images import DataSettings, load
from lunette.recipes import build

HERE = Path(__file__).parent / "peers"
NAMES = ("pythae", "keras")
TAIL = 4000  # characters of a peer's last words that an error repeats


class PeerError(Exception):
    """A peer could not be installed or did not answer; the message ends in what it wrote on stderr."""


def environment(name: str) -> Path:
    """Return the Python of the peer's environment; make it first if there is none of these requirements.

    What was installed is noted last, so that a broken installation is made anew.
    """
    requirements = HERE / f"{name}.txt"
    folder = platformdirs.user_cache_path("lunette-benchmarks") / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    installed = folder / "installed.txt"
    wanted = f"# Python {sys.version}\n" + requirements.read_text()
    if installed.is_file() and python.exists() and installed.read_text() == wanted:
        return python
    print(f"Installing {name} into {folder} …", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as error:
        raise PeerError(f"{name} could not be installed: {error}") from error
    installed.write_text(wanted)
    return python


class Peer:
    """A peer that waits for commands in a process of its own, with as many threads as ours.

    `train` and `test` are uint8 images (N, 28, 28).
    """

    def __init__(self, name: str, train: NDArray[np.uint8], test: NDArray[np.uint8]) -> None:
        self.name = name
        python = environment(name)
        self.folder = tempfile.TemporaryDirectory(prefix=f"lunette-{name}-")
        work = Path(self.folder.name)
        np.save(work / "train.npy", train)
        np.save(work / "test.npy", test)
        threads = torch.get_num_threads()
        self.words = work / "stderr.txt"
        with self.words.open("wb") as words:
            self.child = subprocess.Popen(
                [python, "-I", HERE / "child.py", name, work, str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": str(threads)},
                cwd=work,
            )
        try:
            self.versions = self.ask("versions")
            self._check(threads)
        except BaseException:
            self.close()
            raise

    def _check(self, threads: int) -> None:
        """Raise PeerError unless the peer has our threads and, if it has torch, our version of it."""
        ours = {"threads": threads, "torch": torch.__version__.split("+")[0]}
        for what, value in ours.items():
            theirs = self.versions.get(what, value)
            if theirs != value:
                raise PeerError(f"{self.name} has {what} {theirs}, we have {value}: the two cannot be compared")

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Return the peer's answer; raise PeerError with its traceback if it died of the command."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        line = ""
        try:
            self.child.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        except BrokenPipeError:
            pass
        if not line:
            code = self.child.wait()
            tail = self.words.read_text(errors="replace")[-TAIL:]
            raise PeerError(f"{self.name} ended with status {code} at {command!r}:\n{tail}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the peer and remove its files."""
        self.child.kill()
        self.child.communicate()
        self.folder.cleanup()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def parameters_of_conv_vae() -> dict[str, int]:
    """Return the number of parameters of each layer of Lunette's conv_vae for 28×28 pictures."""
    model = build("conv_vae", (1, 28, 28)).model
    layers: dict[str, int] = {}
    for name, weight in model.named_parameters():
        layer = name.rpartition(".")[0]
        layers[layer] = layers.get(layer, 0) + weight.numel()
    return layers


def try_pythae(peer: Peer) -> None:
    for network in ("tutorial", "default"):
        print("parameters", network, peer.ask("parameters", network=network)["total"])
        for _ in range(2):
            print("epoch", network, peer.ask("epoch", network=network))
        for command in ("encode", "decode", "sample", "reconstruct"):
            print(command, network, peer.ask(command, network=network, count=256))
        print("nll", network, peer.ask("nll", network=network, count=4, samples=1000))


def try_keras(peer: Peer) -> None:
    theirs, ours = peer.ask("parameters"), parameters_of_conv_vae()
    print("parameters, keras:", theirs["total"], "lunette:", sum(ours.values()))
    if theirs["total"] != sum(ours.values()):  # layer by layer they differ: our mean and log-variance are one layer
        raise PeerError(f"the networks differ:\n  keras: {theirs['layers']}\n  lunette: {ours}")
    for batch in (16, 128):
        for _ in range(2):
            print("epoch", peer.ask("epoch", batch=batch, count=500))


def main(names: list[str]) -> None:
    data = load("mnist", DataSettings(validation=0))
    train = data.train.pixels[:1280][:, 0].numpy()
    test = data.test.pixels[:256][:, 0].numpy()
    for name in names:
        with Peer(name, train, test) as peer:
            print(f"\n{name}: {peer.versions}")
            {"pythae": try_pythae, "keras": try_keras}[name](peer)


if __name__ == "__main__":
    main(sys.argv[1:] or list(NAMES))
