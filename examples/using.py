"""The pictures and tables of docs/using.md, or of some of its sections.

LUNETTE_DATA=… python examples/using.py [SECTION…]
"""

from __future__ import annotations

import sys
import tempfile
from functools import cache
from pathlib import Path

import lunette
from gallery import PICTURES, trained
from lunette.faces.terminal import say
from lunette.results.result import Pictured


def keep(shown: Pictured, name: str) -> None:
    """Write a picture for the docs, and print what it is of."""
    print(f"  {shown}\n  picture: {shown.save(PICTURES / name)}")


@cache
def vae() -> lunette.Run:
    """The model of most sections, trained once."""
    return trained("vae", preset="fast")


def evaluate() -> None:
    """All numbers of one run, on 2,000 test pictures."""
    say(lunette.evaluate(vae(), pictures=2000, progress=False))
    for picture in sorted(vae().pictures.glob("codes-*.png")):
        (PICTURES / f"using-{picture.name}").write_bytes(picture.read_bytes())


def factors() -> None:
    """What each dimension of a code says of each factor, on moons whose three factors are known."""
    run = trained("beta_tc", "moons:tilt,size", latent=5, epochs=40)
    say(lunette.evaluate(run, ["representation"], progress=False))
    for picture in run.pictures.glob("representation-*.png"):
        (PICTURES / f"using-{picture.name}").write_bytes(picture.read_bytes())


def compare() -> None:
    """Three runs on one page; a screenshot of it is in the docs."""
    folder = Path(tempfile.mkdtemp(prefix="lunette-example-"))
    kinds = {"vae": ("vae", {}), "vae-beta-0.3": ("vae", {"beta": 0.3}), "ladder": ("ladder", {})}
    for name, (recipe, settings) in kinds.items():
        run = lunette.train(recipe, "mnist", out=folder / name, preset="fast", pictures=0, progress=False, **settings)
        lunette.evaluate(run, ["reconstruction", "samples"], progress=False)
    print(f"  page: {lunette.compare([folder / name for name in kinds]).save(folder / 'comparison.html')}")


def edit() -> None:
    """Slant and thickness as concepts, and what each dimension does."""
    for name in ("slant", "thickness"):
        lunette.add_concept(vae(), name, measure=name, progress=False)
        keep(lunette.edit(vae(), concept=name, progress=False), f"using-{name}.png")
    keep(lunette.edit(vae(), dimension=(), progress=False), "using-dimensions.png")


def mend() -> None:
    """Damage mended, and halves filled in."""
    keep(lunette.denoise(trained("denoising", epochs=3), progress=False), "using-denoise.png")
    keep(lunette.inpaint(vae(), mask="0,14,28,14", progress=False), "using-inpaint.png")


def anomalies() -> None:
    """The strangest of MNIST's test pictures."""
    keep(lunette.anomalies(vae(), n=24, progress=False), "using-anomalies.png")


def tune() -> None:
    """A small search on digits."""
    folder = Path(tempfile.mkdtemp(prefix="lunette-example-")) / "study"
    vary = {"latent": "2..32", "learning_rate": "1e-4..1e-2"}
    keep(lunette.tune("vae", "digits", vary=vary, trials=20, epochs=15, out=folder, progress=False), "using-tune.png")


SECTIONS = {f.__name__: f for f in (evaluate, factors, compare, edit, mend, anomalies, tune)}

if __name__ == "__main__":
    for name in sys.argv[1:] or SECTIONS:
        print(name)
        SECTIONS[name]()
