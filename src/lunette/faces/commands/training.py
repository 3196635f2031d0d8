"""Verbs that train."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from tyro.conf import arg

from lunette.faces.commands.shared import MAX_RESTARTS, PROCESSES, Checkpoint, Kind, RunPath, Seed, told
from lunette.names import quoted


def train() -> None:
    """Train a recipe on pictures: lunette train [RECIPE] --data SOURCE."""


def tune() -> None:
    """Search for a recipe's best settings: lunette tune [RECIPE] --data SOURCE --vary latent=2..64 beta=0.5..4."""


def resume(
    run: RunPath,
    epochs: Annotated[int | None, arg(help="new total, to train a finished run further")] = None,
    precision: Annotated[
        Literal["fp32", "bf16"] | None, arg(help="go on with other matrix products, whose numbers differ")
    ] = None,
    processes: Annotated[int | None, arg(help=PROCESSES)] = None,
    max_restarts: Annotated[int, arg(help=MAX_RESTARTS)] = 0,
) -> None:
    """Go on with an interrupted run, bit for bit, also after a kill."""
    from lunette.faces import python

    told(python.resume(run, epochs=epochs, precision=precision, processes=processes, max_restarts=max_restarts).path)


def fit_prior(
    run: RunPath,
    kind: Annotated[Kind, arg(help="of the density")] = "flow-matching",
    components: Annotated[int | None, arg(help="of a mixture; by default 10")] = None,
    steps: Annotated[int | None, arg(help="of training a flow, two-stage or flow-matching prior")] = None,
    draws: Annotated[int, arg(help="posterior samples of each picture's code")] = 4,
    seed: Seed = 0,
    all_pictures: Annotated[bool, arg(help="fit it to all training pictures, not to 20,000 at most")] = False,
    checkpoint: Checkpoint = "last",
) -> None:
    """Fit a density to a run's codes, to sample from; the trained weights stay as they are."""
    from lunette.faces import python

    given = {"components": components, "steps": steps}
    own: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    how: dict[str, Any] = {"draws": draws, "seed": seed, "all_pictures": all_pictures, "checkpoint": checkpoint}
    prior = python.fit_prior(run, kind, **how, **own)
    numbers = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in prior.held_out.items())
    print(f"{prior.kind} prior of {prior.pictures:,} pictures' codes in {prior.seconds:.0f} s; held out: {numbers}")
    print(f"draw from it with lunette sample {quoted(run)} --prior {prior.kind}")
