"""How near reconstructions are to the pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from lunette.compute import in_batches, to_float
from lunette.compute.coding import decode, encode, part
from lunette.measures.fidelity import BETTER, fidelity
from lunette.progress import Progress, announce
from lunette.randomness import reseed
from lunette.results.evaluation import Group, Number
from lunette.results.sheet import Sheet
from lunette.uses.draw.reconstruct import side_by_side
from lunette.uses.evaluate.subject import Subject

SHOWN = 16  # worst, and best


def reconstruction(subject: Subject) -> Group:
    """Compare test pictures with the mean picture of their mean code, and what is mended with what was damaged."""
    model = subject.model
    plain, _ = errors(subject, False)
    numbers = {name: number(name, values) for name, values in plain.items()}
    if model.corrupt is not None:
        mended, damaged = errors(subject, True)
        numbers |= {f"{name}, of damaged pictures": number(name, values) for name, values in mended.items()}
        numbers["PSNR of damaged pictures themselves"] = number("PSNR", damaged["PSNR"])
    order = plain["mean squared error"].argsort(descending=True)
    return Group(
        numbers,
        notes=notes(subject),
        pictures={
            "Worst reconstructions": sheet(subject, order[:SHOWN]),
            "Best reconstructions": sheet(subject, order.flip(0)[:SHOWN]),
        },
    )


def errors(subject: Subject, damage: bool) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the fidelity, (N,) each, of reconstructed test pictures, and that of what the model was shown."""
    model, test, y = subject.model, subject.test, subject.y(subject.test)
    codes = () if damage else subject.trained.encode(test)
    drawn, shown = [], []
    with torch.random.fork_rng():
        for batch in in_batches(len(test), test.shape):
            x = seen = to_float(test.pixels[batch])
            if damage and model.corrupt is not None:
                reseed(subject.settings.seed, "reconstruction", batch.start)
                seen = model.corrupt(x)
            labels = part(y, batch, x.device)
            z = encode(model, seen, labels) if damage else tuple(rung[batch] for rung in codes)
            drawn.append(fidelity(x, torch.from_numpy(decode(model, z, labels))))
            shown.append(fidelity(x, seen.clamp(0, 1)))
            announce(Progress("reconstructing pictures", batch.start + len(x), len(test)))
    first, second = ({name: torch.cat([each[name] for each in parts]) for name in parts[0]} for parts in (drawn, shown))
    return first, second


def number(name: str, values: Tensor) -> Number:
    """Return the mean over pictures (N,), with its standard error."""
    return Number.mean(values.double().numpy(), "dB" if name == "PSNR" else "", BETTER[name])


def sheet(subject: Subject, chosen: Tensor) -> Sheet:
    """Return some of the test pictures, each with its reconstruction on its right."""
    images = subject.test.take(chosen)
    return side_by_side(subject.model, to_float(images.pixels[:]), None, subject.y(images))


def notes(subject: Subject) -> tuple[str, ...]:
    """Return what the numbers are of, in sentences."""
    head = subject.model.likelihood
    binarized = head.binarization != "none"
    grey = "The model is trained on black and white pictures; the numbers are against the grey ones."
    return (
        "A reconstruction is the mean picture of the mean code. Pixels are in [0, 1]; each number is the mean over "
        "pictures, also that of PSNR.",
        *([grey] if binarized else []),
    )
