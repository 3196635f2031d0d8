"""Whether a model tells pictures of another kind from its own: Fashion-MNIST against MNIST, both ways.

    LUNETTE_DATA=… python benchmarks/anomalies.py [quick]

A `vae --likelihood discretized-logistic --preset fast --epochs 5` of either set, whose likelihood is a probability of
8-bit pictures, and every score of `lunette anomalies` with its defaults (16 draws): the AUROC of the 10,000 test
pictures of the other set, which are strange, among its own 10,000, which are not. That models of complex pictures find
simple ones likelier than their own is what Nalisnick et al. ("Do deep generative models know what they don't know?",
ICLR 2019) found; the correction is of Serrà et al. (ICLR 2020). A last row has the length of the PNG file alone, by
which short ones are strange: what the correction owes to it. With `quick` everything is cut short, to see that it runs,
and nothing is written. Else it prints a table and writes anomalies.json.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import lunette
from lunette.images import load
from lunette.measures.detection import auroc
from lunette.uses.anomalies.anomalies import anomalies
from report import write_results

PAIRS = (("fashion-mnist", "mnist"), ("mnist", "fashion-mnist"))
QUICK_PICTURES = 500


def main(quick: bool) -> None:
    rows: list[dict[str, object]] = []
    cut = slice(QUICK_PICTURES) if quick else slice(None)
    for own, other in PAIRS:
        with tempfile.TemporaryDirectory() as folder:
            run = lunette.train(
                "vae",
                own,
                out=Path(folder) / "run",
                preset="fast",
                epochs=1 if quick else 5,
                likelihood="discretized-logistic",
                pictures=0,
            )
            found = anomalies(run, load(own).test.take(cut), against=load(other).test.take(cut), all_pictures=True)
        assert found.strange is not None
        scores = {**found.by_name, "length of the file, negative": found.by_name["complexity"] - found.by_name["bound"]}
        for name, values in scores.items():
            value, error = auroc(values, found.strange)
            row = {
                "trained on": own,
                "strange": other,
                "score": name,
                "AUROC": round(value, 4),
                "±": round(error, 4),
                "its mean, own": round(float(values[~found.strange].mean()), 1),
                "strange ones": round(float(values[found.strange].mean()), 1),
            }
            rows.append(row)
            print(row, flush=True)
    if not quick:
        write_results("anomalies", rows)


if __name__ == "__main__":
    main(sys.argv[1:] == ["quick"])
