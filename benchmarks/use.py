"""Using a trained model: encode, decode, sample, reconstruct and the importance bound, beside pythae.

    LUNETTE_DATA=… python benchmarks/use.py [ROUNDS]

The T1 network; 10,000 pictures each. The importance bound with 1,000 samples is measured on PART pictures by pythae
and on ten times as many by Lunette, and extrapolated to 10,000. Prints a table and writes use.json.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

import torch

from epoch import timed
from lunette.compute.coding import decode, encode
from lunette.images import load
from lunette.measures.likelihood.bound import evidence_model
from lunette.recipes import build
from peers import Peer
from report import in_turns, write_results

N = 10_000
SAMPLES = 1_000
PART = 10


def main(rounds: int) -> None:
    data = load("mnist")
    test = data.test.pixels[:]
    torch.manual_seed(0)
    model = build("vae", data.train.shape).model.eval()
    codes = encode(model, test)
    uses: dict[str, Callable[[], object]] = {
        "encode": lambda: encode(model, test),
        "decode": lambda: decode(model, codes),
        "sample": lambda: decode(model, model.draw(N)),
        "reconstruct": lambda: decode(model, encode(model, test)),
    }
    rows = []
    with Peer("pythae", data.train.pixels[:1000][:, 0].numpy(), test[:, 0].numpy()) as pythae:
        for name, use in uses.items():
            pair = in_turns(
                {
                    "pythae": lambda name=name: float(pythae.ask(name, count=N)["seconds"]),  # type: ignore[misc]
                    "lunette": lambda use=use: timed(use),  # type: ignore[misc]
                },
                rounds,
            )
            rows.append(row(f"{name}, {N:,} pictures", pair))
        few = test[: 10 * PART]
        pair = in_turns(
            {
                "pythae": lambda: N / PART * float(pythae.ask("nll", count=PART, samples=SAMPLES)["seconds"]),
                "lunette": lambda: N / len(few) * timed(lambda: evidence_model(model, few, SAMPLES, 0)),
            },
            rounds,
        )
        rows.append(row(f"importance bound, {N:,} pictures × {SAMPLES:,} samples (extrapolated)", pair))
    rows.append(limit())
    write_results("use", rows)
    for pictures in (50, 500):
        evidence_model(model, test[:pictures], SAMPLES, 0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory of this process after a bound of {pictures} pictures: {peak:.0f} MiB")


def row(what: str, pair: dict[str, list[float]]) -> dict[str, object]:
    ours, theirs = (sorted(pair[name]) for name in ("lunette", "pythae"))
    return {
        "what": what,
        "pythae, seconds": f"{theirs[len(theirs) // 2]:.3g} ({theirs[0]:.3g} to {theirs[-1]:.3g})",
        "lunette, seconds": f"{ours[len(ours) // 2]:.3g} ({ours[0]:.3g} to {ours[-1]:.3g})",
        "times as fast": round(theirs[len(theirs) // 2] / ours[len(ours) // 2], 1),
    }


def limit() -> dict[str, object]:
    """The matrix products of the bound's decoder alone, at the speed at which this processor makes them."""
    z, narrow, h, wide = torch.randn(1000, 20), torch.randn(400, 20), torch.randn(1000, 400), torch.randn(784, 400)
    began = time.perf_counter()
    for _ in range(200):
        torch.mm(z, narrow.t())
        torch.mm(h, wide.t())
    seconds = (time.perf_counter() - began) / 200_000 * N * SAMPLES
    return {
        "what": "the bound's matrix products alone",
        "pythae, seconds": "",
        "lunette, seconds": f"{seconds:.3g}",
        "times as fast": "",
    }


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
