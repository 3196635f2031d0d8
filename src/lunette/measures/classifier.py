"""A small network that knows a run's own pictures: its features are what pictures are compared in."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import safetensors
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional as F

from lunette.compute import in_batches, to_float
from lunette.errors import LunetteError
from lunette.files import write_anew
from lunette.images import Dataset, Images, Pixels, Shape
from lunette.networks import architecture
from lunette.progress import Progress, announce
from lunette.randomness import generator, reseed

STEPS, BATCH, RATE = 1500, 128, 1e-3
DIGEST_BYTES = 32
TURNS = 4
CHANNELS = 64  # of the last convolution; each one before has half as many, so that large pictures cost little more
FEWEST = 4  # channels
SMALL = 8  # convolutions halve the picture until a side is this or less
FEATURES = 128
DRAWS = CHANNELS // 8  # values that the network makes of a pixel


@dataclass(frozen=True)
class Classifier:
    """Tells labels apart (`supervised`), or by how many quarter turns a picture was turned."""

    network: nn.Sequential
    accuracy: float  # the share of test pictures that it names rightly
    supervised: bool
    key: str  # of the data and the training: equal features have equal keys

    @torch.inference_mode()
    def features(self, pixels: Pixels) -> Tensor:
        """Images (N, C, H, W), uint8 or float in [0, 1] → their features (N, 128), the last layer's input."""
        return self._through(self.network[:-1], pixels)

    @torch.inference_mode()
    def probabilities(self, pixels: Pixels) -> Tensor:
        """Images (N, C, H, W), uint8 or float in [0, 1] → the probability of each class (N, classes)."""
        return self._through(self.network, pixels).softmax(1)

    def _through(self, network: nn.Module, pixels: Pixels) -> Tensor:
        parts = []
        for cut in in_batches(len(pixels), pixels.shape[1:], DRAWS):
            x = pixels[cut]
            parts.append(network(to_float(x) if x.dtype == torch.uint8 else x))
        return torch.cat(parts)


def classifier_of(data: Dataset) -> Classifier:
    """Return the classifier of the training pictures: by their labels, or of their turns where some have none.

    Nothing is downloaded: it is trained here (1,500 steps of batch 128, always from the same seed) when it is first
    asked for, and then kept in the user's cache. Turns to be told apart: Gidaris, Singh, Komodakis, ICLR 2018.
    """
    known = data.train.labels is not None and data.test.labels is not None
    supervised = known and len(data.train.label_names) > 1
    network = untrained(data.train.shape, len(data.train.label_names) if supervised else TURNS)
    what = (data.facts["sha256"], len(data.train), STEPS, BATCH, RATE, str(network), torch.__version__)
    key = hashlib.sha256(repr(what).encode()).hexdigest()[:16]
    path = platformdirs.user_cache_path("lunette") / "classifiers" / f"{key}.weights"
    if not restored(network, path):
        train(network, data.train, supervised)
        with contextlib.suppress(LunetteError):  # where the cache cannot be written, it is trained again next time
            weights = save(network.state_dict())
            write_anew(path, hashlib.sha256(weights).digest() + weights)
    network.eval()
    seen = Classifier(network, 0.0, supervised, key)
    return Classifier(network, accuracy(seen, data.test), supervised, key)


def untrained(shape: Shape, classes: int) -> nn.Sequential:
    """Return the network for images of `shape`, whose last layer tells classes apart."""
    halvings = 1
    while min(shape[1:]) >> halvings > SMALL:
        halvings += 1
    layers = ",".join(f"{max(FEWEST, CHANNELS >> i)}/2" for i in reversed(range(halvings)))
    with torch.random.fork_rng():
        reseed(0, "classifier")
        body = architecture(f"conv:{layers}:{FEATURES}").encoder(shape, classes).body
    assert isinstance(body, nn.Sequential)
    return body


def restored(network: nn.Module, path: Path) -> bool:
    """Return whether `network` could be given the weights in a file, which stand there after their SHA-256."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[DIGEST_BYTES:]).digest() != data[:DIGEST_BYTES]:
            return False
        network.load_state_dict(load(data[DIGEST_BYTES:]))
    except (OSError, RuntimeError, safetensors.SafetensorError):  # absent, another network's, or damaged
        return False
    return True


def train(network: nn.Module, images: Images, supervised: bool) -> None:
    """Lower the cross-entropy of labels, or of turns."""
    draws = generator(0, "classifier", "batches")
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    for step in range(STEPS):
        index = torch.randint(len(images), (BATCH,), generator=draws)
        x = to_float(images.pixels[index])
        if supervised:
            assert images.labels is not None
            y = images.labels[index]
        else:
            y = torch.randint(TURNS, (BATCH,), generator=draws)
            x = turned(x, y)
        optimizer.zero_grad()
        F.cross_entropy(network(x), y).backward()
        optimizer.step()
        announce(Progress("learning what pictures look like", step + 1, STEPS))


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Turn each image (N, C, H, W) by so many quarter turns; where sides differ, flip it up–down, about or sideways."""
    square = x.shape[-1] == x.shape[-2]
    ways = [
        x,
        x.rot90(1, (2, 3)) if square else x.flip(2),
        x.flip((2, 3)),
        x.rot90(3, (2, 3)) if square else x.flip(3),
    ]
    return torch.stack(ways)[turns, torch.arange(len(x))]


def accuracy(classifier: Classifier, images: Images) -> float:
    """Return the share of images that are named rightly: by their labels, or by all their turns."""
    if classifier.supervised:
        assert images.labels is not None
        return float((classifier.probabilities(images.pixels).argmax(1) == images.labels).float().mean())
    right = []
    for cut in in_batches(len(images), images.shape, DRAWS):
        x = to_float(images.pixels[cut])
        for turns in range(TURNS):
            y = torch.full((len(x),), turns)
            right.append(classifier.probabilities(turned(x, y)).argmax(1) == y)
    return float(torch.cat(right).float().mean())
