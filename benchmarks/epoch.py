"""How long an epoch takes: the tutorials' programs, pythae, a bare loop and Lunette, on one network and batch size.

    LUNETTE_DATA=… python benchmarks/epoch.py [ROUNDS]

MNIST, 60,000 pictures, 784-400-20, batch 128, Adam at 1e-3. The contenders run in turns. "Matrix products alone"
is the time that this processor takes for the products of an epoch, one after another: no program that makes them
can be faster. The convolutional network (T4's) runs for STEPS steps, which is extrapolated to the epoch.
Prints two tables and writes epoch.json and epoch_conv.json.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from lunette.images import DataSettings, load
from lunette.networks import architecture
from lunette.progress import watched
from lunette.randomness import reseed
from lunette.recipes import build
from lunette.training import EpochEnd, Step, Training, TrainingSettings
from lunette.uses.train import train
from peers import Peer
from report import in_turns, spread, write_results
from tutorial_programs import BATCH, Program, TutorialVae, kl

STEPS = 30
PICTURES = 60_000


class Lunette:
    """Lunette's loop on all of MNIST's training pictures, a part at a time."""

    def __init__(self, recipe: str, batch: int = BATCH) -> None:
        data = load("mnist", DataSettings(validation=0))
        reseed(0, "weights")
        settings = TrainingSettings(epochs=10_000, pictures=0, batch_size=batch)
        self.events = Training(build(recipe, data.train.shape), data, settings, torch.device("cpu")).events()

    def epoch(self) -> float:
        """Return the seconds of one epoch."""
        return timed(lambda: next(e for e in self.events if isinstance(e, EpochEnd)))

    def steps(self, n: int) -> float:
        """Return the seconds of `n` steps."""
        return timed(lambda: [next(e for e in self.events if isinstance(e, Step)) for _ in range(n)])


class BareLoop:
    """What one writes by hand: pictures in a tensor, a network, torch's cross-entropy of probabilities, Adam."""

    def __init__(self, pixels: Tensor) -> None:
        torch.manual_seed(0)
        self.pixels = pixels.flatten(1).float() / 255
        self.model = TutorialVae()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def epoch(self) -> None:
        order = torch.randperm(len(self.pixels))
        for index in order.split(BATCH):
            x = self.pixels[index]
            drawn, mean, log_var = self.model(x)
            loss = F.binary_cross_entropy(drawn, x, reduction="sum") + kl(mean, log_var)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


class BareConv:
    """T4's network and loss as one writes them by hand, in torch's default layout."""

    def __init__(self, pixels: Tensor, batch: int) -> None:
        torch.manual_seed(0)
        self.pixels, self.batch = pixels.float() / 255, batch
        networks = architecture("conv:32,64/2,64,64:32")
        self.encoder, self.decoder = networks.encoder((1, 28, 28), 4), networks.decoder(2, (1, 28, 28), 784)
        self.optimizer = torch.optim.Adam([*self.encoder.parameters(), *self.decoder.parameters()], lr=1e-3)

    def steps(self, n: int) -> None:
        for _ in range(n):
            x = self.pixels[torch.randint(len(self.pixels), (self.batch,))]
            mean, log_var = self.encoder(x).chunk(2, -1)
            drawn = self.decoder(mean + (log_var / 2).exp() * torch.randn_like(mean)).sigmoid()
            loss = F.binary_cross_entropy(drawn, x.flatten(1), reduction="sum") + 0.392 * kl(mean, log_var)
            self.optimizer.zero_grad()
            (loss / self.batch).backward()
            self.optimizer.step()


def products() -> None:
    """Make the matrix products of an epoch: forward, gradients of weights, gradients of inputs but the first's."""
    sizes = [(784, 400), (400, 40), (20, 400), (400, 784)]
    layers = [(torch.randn(BATCH, a), torch.randn(b, a), torch.randn(BATCH, b)) for a, b in sizes]
    for _ in range(-(-PICTURES // BATCH)):
        for i, (x, weight, gradient) in enumerate(layers):
            torch.mm(x, weight.t())
            torch.mm(gradient.t(), x)
            if i:
                torch.mm(gradient, weight)


def recorded_epoch() -> float:
    """The whole of `lunette train` for two epochs; return the seconds of the second one, from end to end.

    This counts its checkpoint and its two pictures, too.
    """
    ends = []

    def watch(event: object) -> None:
        if isinstance(event, EpochEnd):
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder, watched(watch):
        train("vae", "mnist", out=Path(folder) / "run", epochs=2, validation=0.0)
    return ends[1] - ends[0]


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def dense(rounds: int) -> None:
    data = load("mnist", DataSettings(validation=0))
    pixels = data.train.pixels[:]
    t1, t2, bare, ours = Program(pixels), Program(pixels, centred=True), BareLoop(pixels), Lunette("vae")
    with Peer("pythae", pixels[:, 0].numpy(), data.test.pixels[:][:, 0].numpy()) as pythae:
        contenders: dict[str, Callable[[], float]] = {
            "tutorial T1's program": lambda: timed(t1.epoch),
            "tutorial T2's program": lambda: timed(t2.epoch),
            "pythae": lambda: float(pythae.ask("epoch")["seconds"]),
            "a bare loop": lambda: timed(bare.epoch),
            "lunette, the training loop": ours.epoch,
            "lunette train, with checkpoint and pictures": recorded_epoch,
            "matrix products alone": lambda: timed(products),
        }
        rows = spread(in_turns(contenders, rounds), "seconds an epoch", "tutorial T1's program")
    floor = float(str(rows[-1]["seconds an epoch, median"]))
    for row in rows:
        share = floor / float(str(row["seconds an epoch, median"]))
        row["share of the matrix-product limit"] = f"{share:.0%}"
    write_results("epoch", rows)


def convolutional(rounds: int) -> None:
    pixels = load("mnist", DataSettings(validation=0)).train.pixels[:]
    for batch in (128, 16):
        bare, ours = BareConv(pixels, batch), Lunette("conv_vae", batch)
        scale = PICTURES / (STEPS * batch)
        contenders: dict[str, Callable[[], float]] = {
            "a bare loop": lambda bare=bare, scale=scale: scale * timed(lambda: bare.steps(STEPS)),  # type: ignore[misc]
            "lunette, the training loop": lambda ours=ours, scale=scale: scale * ours.steps(STEPS),  # type: ignore[misc]
        }
        write_results(f"epoch_conv_{batch}", spread(in_turns(contenders, rounds), "seconds an epoch", "a bare loop"))


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    dense(count)
    convolutional(count)
