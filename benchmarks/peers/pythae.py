"""pythae's VAE as its users run it: its trainer, loader, model, sampler and likelihood."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pythae.data.preprocessors import DataProcessor
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.samplers import NormalSampler
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor, nn

SHAPE = (1, 28, 28)
LATENT = 20


class Encoder(BaseEncoder):
    """784 → 400 → (20, 20)."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU())
        self.mean = nn.Linear(400, LATENT)
        self.log_var = nn.Linear(400, LATENT)

    def forward(self, x: Tensor) -> ModelOutput:
        h = self.hidden(x)
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_var(h))


class Decoder(BaseDecoder):
    """20 → 400 → 784, with a sigmoid at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(LATENT, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z).reshape(-1, *SHAPE))


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that the call took, and what it returned."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


class Trained:
    """A model of the tutorial's network or of pythae's default one, with its trainer ready for the first epoch."""

    def __init__(self, network: str, images: Tensor, folder: Path) -> None:
        networks = {"tutorial": (Encoder, Decoder), "default": (None, None)}
        encoder, decoder = (make and make() for make in networks[network])
        config = VAEConfig(input_dim=SHAPE, latent_dim=LATENT, reconstruction_loss="bce")
        self.model = VAE(config, encoder, decoder)
        processor = DataProcessor()  # as TrainingPipeline prepares its data
        self.trainer = BaseTrainer(
            self.model,
            processor.to_dataset(processor.process_data(images)),
            training_config=BaseTrainerConfig(
                output_dir=str(folder / network),
                per_device_train_batch_size=128,
                learning_rate=1e-3,
                optimizer_cls="Adam",
                num_epochs=10_000,
                no_cuda=True,
                steps_saving=None,  # its default: no checkpoint before the end
            ),
        )
        self.trainer.prepare_training()
        self.epochs = 0

    def epoch(self) -> float:
        """One turn of BaseTrainer.train's loop, without its copy of the best model; return the mean loss."""
        self.epochs += 1
        loss = self.trainer.train_step(self.epochs)
        self.trainer.callback_handler.on_epoch_end(training_config=self.trainer.training_config)
        return float(loss)


class Commands:
    """Every public method is a command."""

    def __init__(self, folder: Path, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(0)  # pythae sets its seed only after the weights are made
        self.folder = folder
        self.train, self.test = (
            torch.from_numpy(np.load(folder / f"{part}.npy"))[:, None].float() / 255 for part in ("train", "test")
        )
        self._trained: dict[str, Trained] = {}

    def _of(self, network: str) -> Trained:
        if network not in self._trained:
            self._trained[network] = Trained(network, self.train, self.folder)
        return self._trained[network]

    def _use(self, network: str, call: Callable[[VAE], Any]) -> tuple[float, Any]:
        """Time a call on the model in eval mode, without gradients."""
        model = self._of(network).model.eval()
        with torch.no_grad():
            return timed(lambda: call(model))

    def _images(self, count: int) -> Tensor:
        if count > len(self.test):
            raise ValueError(f"{count} images of {len(self.test)}")
        return self.test[:count]

    def versions(self) -> dict[str, Any]:
        torch_version = torch.__version__.split("+")[0]
        return {"pythae": version("pythae"), "torch": torch_version, "threads": torch.get_num_threads()}

    def parameters(self, network: str = "tutorial") -> dict[str, Any]:
        layers = {name: weight.numel() for name, weight in self._of(network).model.named_parameters()}
        return {"total": sum(layers.values()), "layers": layers}

    def epoch(self, network: str = "tutorial") -> dict[str, Any]:
        trained = self._of(network)
        seconds, loss = timed(trained.epoch)
        return {"seconds": seconds, "loss": loss, "steps": len(trained.trainer.train_loader)}

    def encode(self, count: int, network: str = "tutorial") -> dict[str, Any]:
        images = self._images(count)
        seconds, codes = self._use(network, lambda model: model.embed(images))
        return {"seconds": seconds, "shape": list(codes.shape)}

    def decode(self, count: int, network: str = "tutorial") -> dict[str, Any]:
        codes = torch.randn(count, LATENT)
        seconds, images = self._use(network, lambda model: model.decoder(codes)["reconstruction"])
        return {"seconds": seconds, "shape": list(images.shape)}

    def sample(self, count: int, network: str = "tutorial") -> dict[str, Any]:
        seconds, images = self._use(network, lambda model: NormalSampler(model).sample(count))
        return {"seconds": seconds, "shape": list(images.shape)}

    def reconstruct(self, count: int, network: str = "tutorial") -> dict[str, Any]:
        images = self._images(count)
        seconds, drawn = self._use(network, lambda model: model.reconstruct(images))
        return {"seconds": seconds, "shape": list(drawn.shape)}

    def nll(self, count: int, samples: int, batch: int = 100, network: str = "tutorial") -> dict[str, Any]:
        """get_nll returns the mean log-likelihood, and takes whole batches of samples: at least one."""
        images = self._images(count)
        seconds, likelihood = self._use(network, lambda model: model.get_nll(images, samples, batch))
        return {"seconds": seconds, "nll": -float(likelihood), "samples": max(samples // batch, 1) * batch}


def commands(folder: Path, threads: int) -> dict[str, Callable[..., dict[str, Any]]]:
    mine = Commands(folder, threads)
    return {name: getattr(mine, name) for name in dir(mine) if not name.startswith("_")}
