"""What editing by concept changes, and what it keeps: slant and thickness of MNIST's digits.

    LUNETTE_DATA=… python benchmarks/edit.py [quick]

A run of `vae --preset fast --epochs 10` on MNIST, and its concepts of `lunette concept add RUN
NAME --measure slant` and `thickness`: what is measured in the pixels of the training pictures of each digit. 2,000 test
pictures are edited at each strength; 1 moves the codes by the whole vector, from the mean of the lower quarter to
that of the upper. Beside the mean of both measures stands the share of pictures in which Lunette's own classifier sees
the digit that it sees in the original; at strength 0 these are reconstructions. With `quick` everything is cut short,
to see that it runs, and nothing is written. Else it prints a table and writes edit.json.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import lunette
from lunette.measures.classifier import classifier_of
from lunette.measures.ink import MEASURES, measure
from report import write_results

PICTURES, QUICK_PICTURES = 2_000, 200
EPOCHS, STRENGTH, STEPS = 10, 1.0, 9


def main(quick: bool) -> None:
    n = QUICK_PICTURES if quick else PICTURES
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        out, epochs = Path(folder) / "run", 1 if quick else EPOCHS
        run = lunette.train("vae", "mnist", out=out, preset="fast", epochs=epochs, pictures=0)
        print(f"the classifier names {classifier_of(run.dataset).accuracy:.2%} of the test pictures", flush=True)
        for name in MEASURES:
            values = measure(name, run.dataset.test.pixels)
            print(f"{name} of the test pictures: mean {values.mean():.3f}, standard deviation {values.std():.3f}")
            lunette.add_concept(run, name, measure=name)
        for name in MEASURES:
            strip = lunette.edit(run, concept=name, n=n, strength=STRENGTH, steps=STEPS)
            for i, strength in enumerate(strip.strengths):
                measured = {f"mean {other}": round(strip.changes[other][i], 3) for other in MEASURES}
                kept = round(strip.changes["same class"][i], 4)
                rows.append({"concept": name, "strength": strength, **measured, "share of digits kept": kept})
    if quick:
        print(*rows, sep="\n")
    else:
        write_results("edit", rows)


if __name__ == "__main__":
    main(sys.argv[1:] == ["quick"])
