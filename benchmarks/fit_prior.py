"""How much nearer to real pictures samples come when a density is fitted to the codes: Fréchet distances on MNIST.

    LUNETTE_DATA=… python benchmarks/fit_prior.py [quick]

A run of `vae --preset fast`, all 60,000 training pictures, and every kind of `lunette fit-prior` with its defaults.
The distance is between normals with the moments of features (Heusel et al., NeurIPS 2017) of 10,000 pictures and of
the 10,000 test pictures. The features are ours, because Inception's are of photographs: the 128 activations before the
last layer of a network of two strided 3×3 convolutions (32 and 64 channels) and two dense layers, trained here for 3
epochs to tell the digits apart (Adam at 1e-3, batch 128, seed 0). Two bounds stand beside: training pictures, and the
decoded posterior samples of training pictures, which is what samples of a perfect density of the codes would give.
With `quick` everything is cut short, to see that it runs, and nothing is written. Else it prints a table and writes
fit_prior.json.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

import lunette
from lunette.codes.fitted import KINDS
from lunette.images import Images, load
from lunette.networks import architecture
from lunette.progress import unwatched
from lunette.runs import Run
from lunette.training import to_float
from lunette.uses.fit_prior import codes, fit_prior
from lunette.uses.passes import decode
from report import write_results

PICTURES = 10_000
QUICK_PICTURES, QUICK_STEPS = 2_000, 100


class Features:
    """The features that distances are measured in, of a classifier trained on `images`."""

    def __init__(self, images: Images, epochs: int) -> None:
        torch.manual_seed(0)
        network = architecture("conv:32/2,64/2:128").encoder(images.shape, len(images.label_names)).body
        assert isinstance(network, nn.Sequential)
        assert images.labels is not None
        optimizer = torch.optim.Adam(network.parameters(), 1e-3)
        for _ in range(epochs):
            for index in torch.randperm(len(images)).split(128):
                optimizer.zero_grad()
                F.cross_entropy(network(to_float(images.pixels[index])), images.labels[index]).backward()
                optimizer.step()
        self.network, self.features = network.eval(), network[:-1]

    @torch.inference_mode()
    def accuracy(self, images: Images) -> float:
        """Return the share of `images` that it names rightly."""
        named = torch.cat([self.network(to_float(x)).argmax(1) for x in images.pixels[:].split(1000)])
        assert images.labels is not None
        return float((named == images.labels).float().mean())

    @torch.inference_mode()
    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the covariance of the features of float images (N, C, H, W)."""
        f = torch.cat([self.features(part) for part in x.split(1000)]).double()
        return f.mean(0), torch.cov(f.T)


def frechet(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> float:
    """Return |μ − ν|² + tr(A + B − 2 (A B)^½), the squared distance between N(μ, A) and N(ν, B)."""
    roots = torch.linalg.eigvals(a[1] @ b[1]).real.clamp_min(0).sqrt()
    return float((a[0] - b[0]).square().sum() + a[1].trace() + b[1].trace() - 2 * roots.sum())


def aggregate(run: Run, n: int) -> NDArray[np.float32]:
    """Return decoded posterior samples of n training pictures."""
    model = run.model()
    z, rungs = codes(model, run.dataset.train.take(slice(n)), 1, 0, unwatched)
    return decode(model, z[0].split(rungs, dim=1))


def main(quick: bool) -> None:
    n = QUICK_PICTURES if quick else PICTURES
    data = load("mnist")
    train, test = (part.take(slice(n)) if quick else part for part in (data.train, data.test))
    features = Features(train, 1 if quick else 3)
    print(f"the classifier names {features.accuracy(data.test):.2%} of the test pictures", flush=True)
    goal = features.moments(to_float(test.pixels[:]))
    rows: list[dict[str, object]] = []

    def row(what: str, x: Tensor, fitted: lunette.runs.FittedPrior | None = None) -> None:
        held_out = {} if fitted is None else fitted.held_out
        rows.append(
            {
                "pictures": what,
                "Fréchet distance": round(frechet(features.moments(x), goal), 2),
                "seconds to fit": "" if fitted is None else fitted.seconds,
                "on held-out codes": ", ".join(f"{k.replace('_', ' ')} {v:.2f}" for k, v in held_out.items()),
            }
        )
        print(rows[-1], flush=True)

    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {"epochs": 1} if quick else {"validation": 0.0}
        run = lunette.train("vae", "mnist", out=Path(folder) / "run", preset="fast", pictures=0, **settings)
        row("training pictures (the floor)", to_float(train.pixels[:n]))
        row("decoded posterior samples of training pictures", torch.from_numpy(aggregate(run, n)))
        row("samples of the model's own prior", torch.from_numpy(np.asarray(lunette.sample(run, n))))
        for kind in KINDS:
            short: dict[str, Any] = {"steps": QUICK_STEPS} if quick and kind not in ("gaussian", "mixture") else {}
            fitted = fit_prior(run, kind, **short)
            row(
                f"samples of the {kind} prior", torch.from_numpy(np.asarray(lunette.sample(run, n, prior=kind))), fitted
            )
    if not quick:
        write_results("fit_prior", rows)


if __name__ == "__main__":
    main(sys.argv[1:] == ["quick"])
