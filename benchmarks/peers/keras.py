"""The Keras tutorial's convolutional VAE (T4), in our own words, in today's Keras on TensorFlow.

TensorFlow uses oneDNN of itself on some processors only; TF_ENABLE_ONEDNN_OPTS=1 in the environment asks for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

LATENT = 2


class Draw(layers.Layer):
    """(mean, log-variance) → a draw; adds 5e-4 · the mean of −(1 + log_var − mean² − exp(log_var)) to the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, posterior: tuple[Any, Any]) -> Any:
        mean, log_var = posterior
        self.add_loss(-5e-4 * ops.mean(1 + log_var - ops.square(mean) - ops.exp(log_var)))
        return mean + ops.exp(log_var / 2) * keras.random.normal(ops.shape(mean), seed=self.seeds)


def network() -> keras.Model:
    """The tutorial's encoder, its draw and its decoder."""
    x = keras.Input((28, 28, 1))
    h = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    h = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(h)
    h = layers.Conv2D(64, 3, padding="same", activation="relu")(h)
    h = layers.Conv2D(64, 3, padding="same", activation="relu")(h)
    h = layers.Dense(32, activation="relu")(layers.Flatten()(h))
    z = Draw()((layers.Dense(LATENT)(h), layers.Dense(LATENT)(h)))
    h = layers.Dense(14 * 14 * 64, activation="relu")(z)
    h = layers.Reshape((14, 14, 64))(h)
    h = layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")(h)
    return keras.Model(x, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(h))


class Commands:
    """Every public method is a command."""

    def __init__(self, folder: Path, threads: int) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        keras.utils.set_random_seed(0)
        self._pixels = np.load(folder / "train.npy")[..., None].astype(np.float32) / 255
        self._model = network()
        self._model.compile(optimizer="rmsprop", loss="binary_crossentropy")
        self._traced: set[tuple[int, int]] = set()

    def versions(self) -> dict[str, Any]:
        threads = tf.config.threading.get_intra_op_parallelism_threads()
        return {"keras": keras.__version__, "tensorflow": tf.__version__, "threads": threads}

    def parameters(self) -> dict[str, Any]:
        each = {layer.name: sum(w.numpy().size for w in layer.trainable_weights) for layer in self._model.layers}
        each = {name: count for name, count in each.items() if count}
        return {"total": sum(each.values()), "layers": each}

    def _fit(self, pixels: np.ndarray, batch: int) -> tuple[float, float]:
        """Return the seconds and the loss of one call of fit."""
        began = time.perf_counter()
        history = self._model.fit(pixels, pixels, batch_size=batch, epochs=1, shuffle=True, verbose=2)
        return time.perf_counter() - began, history.history["loss"][0]

    def epoch(self, batch: int = 16, count: int | None = None) -> dict[str, Any]:
        """One epoch of the first `count` images; the first call for these sizes traces a step of each size before."""
        count = len(self._pixels) if count is None else count
        if count > len(self._pixels):
            raise ValueError(f"{count} images of {len(self._pixels)}")
        tracing = 0.0
        if (batch, count % batch) not in self._traced:
            tracing, _ = self._fit(self._pixels[: min(count, batch + count % batch)], batch)
            self._traced.add((batch, count % batch))
        seconds, loss = self._fit(self._pixels[:count], batch)
        return {"seconds": seconds, "tracing": tracing, "steps": -(-count // batch), "loss": loss}


def commands(folder: Path, threads: int) -> dict[str, Callable[..., dict[str, Any]]]:
    mine = Commands(folder, threads)
    return {name: getattr(mine, name) for name in dir(mine) if not name.startswith("_")}
