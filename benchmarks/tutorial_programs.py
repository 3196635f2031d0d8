"""The first two tutorials' programs, in our own words: what their readers run.

A dataset of single images (each is unpacked to a PIL picture and turned into a float tensor, as the tutorials'
image library does), PyTorch's DataLoader, a module of linear layers, binary cross-entropy of probabilities,
torch's Adam. Nothing of Lunette is used here, except the reader of the data files.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

BATCH = 128
Loss = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """One image at a time: uint8 → PIL → float tensor (1, 28, 28) in [0, 1], or in [−1, 1] if `centred`."""

    def __init__(self, pixels: Tensor, centred: bool = False) -> None:
        self.pixels = pixels
        self.centred = centred

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.pixels[i, 0].numpy())
        array = torch.from_numpy(np.array(picture, np.uint8, copy=True)).view(28, 28, 1)
        x = array.permute(2, 0, 1).contiguous().to(torch.float32).div(255)
        return (x - 0.5) / 0.5 if self.centred else x, 0


class TutorialVae(nn.Module):
    """784 → 400 → (20, 20) → 400 → 784, with sigmoid or tanh at the end."""

    def __init__(self, out: Callable[[Tensor], Tensor] = torch.sigmoid) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mean = nn.Linear(400, 20)
        self.log_var = nn.Linear(400, 20)
        self.widen = nn.Linear(20, 400)
        self.draw = nn.Linear(400, 784)
        self.out = out

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = F.relu(self.hidden(x))
        mean, log_var = self.mean(h), self.log_var(h)
        z = mean + torch.exp(log_var / 2) * torch.randn_like(log_var)
        return self.out(self.draw(F.relu(self.widen(z)))), mean, log_var


def kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """−½ Σ (1 + log_var − mean² − exp(log_var)) over the batch."""
    return -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())


def cross_entropy(x: Tensor, drawn: Tensor, mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    """The first tutorial's loss in its two parts, each summed over the batch."""
    return F.binary_cross_entropy(drawn, x, reduction="sum"), kl(mean, log_var)


def squared_error(x: Tensor, drawn: Tensor, mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    """The second tutorial's loss in its two parts, each summed over the batch."""
    return F.mse_loss(drawn, x, reduction="sum"), kl(mean, log_var)


class Program:
    """A tutorial's training program; `epoch()` runs one and returns the mean loss, in nats an image."""

    def __init__(self, pixels: Tensor, centred: bool = False) -> None:
        self.model = TutorialVae(torch.tanh if centred else torch.sigmoid)
        self.loss: Loss = squared_error if centred else cross_entropy
        self.images = len(pixels)
        self.loader = DataLoader(PictureDataset(pixels, centred), batch_size=BATCH, shuffle=True)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def epoch(self) -> float:
        total = 0.0
        for x, _ in self.loader:
            x = x.view(-1, 784)
            distortion, rate = self.loss(x, *self.model(x))
            self.optimizer.zero_grad()
            (distortion + rate).backward()
            self.optimizer.step()
            total += distortion.item() + rate.item()
        return total / self.images

    @torch.no_grad()
    def test(self, pixels: Tensor) -> float:
        """Return the mean loss over test images, one posterior draw each, in nats an image."""
        x = pixels.flatten(1).float() / 255
        if self.loss is squared_error:
            x = 2 * x - 1
        distortion, rate = self.loss(x, *self.model(x))
        return (distortion + rate).item() / len(x)
