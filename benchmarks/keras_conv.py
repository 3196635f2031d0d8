"""T4's convolutional VAE in today's Keras, and Lunette's `conv_vae`: the same 550,629 parameters, MNIST.

    LUNETTE_DATA=… python benchmarks/keras_conv.py [ROUNDS]

Each round is a part of an epoch (PICTURES pictures), extrapolated to 60,000. Keras runs `fit` as a user does,
traced before the first round. TF_ENABLE_ONEDNN_OPTS=1 makes TensorFlow faster on some AMD processors, where it
is not the default: the table has both. Prints a table and writes keras_conv.json.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from epoch import Lunette
from lunette.images import DataSettings, load
from peers import Peer
from report import in_turns, spread, write_results

PICTURES = {128: 3840, 16: 1280}


def main(rounds: int) -> None:
    data = load("mnist", DataSettings(validation=0))
    train, test = data.train.pixels[:][:, 0].numpy(), data.test.pixels[:][:, 0].numpy()
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    tuned = Peer("keras", train, test)
    del os.environ["TF_ENABLE_ONEDNN_OPTS"]
    rows = []
    with Peer("keras", train, test) as keras, tuned:
        for batch, pictures in PICTURES.items():
            scale, ours = 60_000 / pictures, Lunette("conv_vae", batch)

            def fit(peer: Peer, batch: int = batch, pictures: int = pictures, scale: float = scale) -> float:
                return scale * float(peer.ask("epoch", batch=batch, count=pictures)["seconds"])

            def loop(ours: Lunette = ours, steps: int = pictures // batch, scale: float = scale) -> float:
                return scale * ours.steps(steps)

            contenders: dict[str, Callable[[], float]] = {
                f"Keras, batch {batch}": lambda fit=fit, keras=keras: fit(keras),  # type: ignore[misc]
                f"Keras with oneDNN, batch {batch}": lambda fit=fit, tuned=tuned: fit(tuned),  # type: ignore[misc]
                f"lunette, batch {batch}": loop,
            }
            seconds = in_turns(contenders, rounds)
            rows += [
                {("times as fast as Keras" if key.startswith("times") else key): value for key, value in row.items()}
                for row in spread(seconds, "seconds an epoch", f"Keras, batch {batch}")
            ]
    write_results("keras_conv", rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
