"""Training, from settings to a run folder with its weights, numbers, pictures and report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from lunette.errors import LunetteError, unknown
from lunette.images import Data, Dataset, DataSettings, load, read, to_archive
from lunette.randomness import reseed
from lunette.recipes import Recipe, arguments, build
from lunette.runs import Run, RunSettings, record, restore, versions
from lunette.training import Event, Training, TrainingSettings, pick_device
from lunette.uses.illustrate import illustrate

Watch = Callable[[Event], None]
ARRAY_FILE = "data.npz"


def train(
    recipe: str = "vae",
    data: Data = "digits",
    *,
    out: str | Path | None = None,
    watch: Watch | None = None,
    **settings: Any,
) -> Run:
    """Train `recipe` on `data` and return the run, whose folder is `out` (by default runs/RECIPE-DATA-NNN).

    `settings` are the fields of TrainingSettings and DataSettings and the recipe's own arguments. `watch` is
    called with each event. Arrays are kept in the run folder, so that the run stays whole. Raises
    LunetteError before anything is written if a setting or the data cannot be used, Diverged if a loss or
    gradient is not finite, and Interrupted after SIGINT or SIGTERM, with everything saved.
    """
    given, how, loading = sort_settings(recipe, settings)
    device = pick_device(how.device)
    in_memory = None if isinstance(data, str | Path) else read(data)[0]
    dataset = load(data if in_memory is None else in_memory, loading)
    built = built_with_seed(recipe, dataset, given, how.seed)
    training = Training(built, dataset, how, device)
    chosen = RunSettings(
        recipe=recipe,
        arguments={argument.name: given.get(argument.name, argument.default) for argument in arguments(recipe)},
        source=ARRAY_FILE if in_memory else str(data),
        data=loading,
        training=how,
        facts=dataset.facts,
        versions=versions(),
    )
    run = Run.create(out, chosen, {ARRAY_FILE: to_archive(in_memory)} if in_memory else {})
    run.dataset = dataset
    return follow(run, training, watch)


def resume(run: Run | str | Path, *, epochs: int | None = None, watch: Watch | None = None) -> Run:
    """Go on with an interrupted run, bit for bit as if it had never stopped, or train a finished one further.

    `epochs` is the new total. The same weights come out on the same machine with the same number of threads.
    """
    run = run if isinstance(run, Run) else Run(run)
    settings = run.settings
    if epochs:
        longer = dataclasses.replace(settings.training, epochs=epochs)
        settings = dataclasses.replace(settings, training=longer)
    elif run.is_finished:
        raise LunetteError(f"{run.path} has done all its {settings.training.epochs} epochs; train on with --epochs N")
    device = pick_device(settings.training.device)
    built = built_with_seed(settings.recipe, run.dataset, settings.arguments, settings.training.seed)
    training = Training(built, run.dataset, settings.training, device)
    restore(run, training)
    if settings is not run.settings:
        run.replace_settings(settings)
    return follow(run, training, watch)


def follow(run: Run, training: Training, watch: Watch | None) -> Run:
    """Train to the end, recording and drawing on the way."""
    for event in record(run, training):
        illustrate(run, training.recipe.model, event)
        if watch:
            watch(event)
    return run


def built_with_seed(recipe: str, data: Dataset, given: Mapping[str, Any], seed: int) -> Recipe:
    """Return the recipe with the initial weights that belong to `seed`."""
    reseed(seed, "weights")
    return build(recipe, data.train.shape, given)


def sort_settings(recipe: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], TrainingSettings, DataSettings]:
    """Part settings by whose they are: the recipe's arguments, training's, the data's."""
    own = [argument.name for argument in arguments(recipe)]
    training, data = ([field.name for field in fields(kind)] for kind in (TrainingSettings, DataSettings))
    for name in settings:
        if name not in {*own, *training, *data}:
            raise unknown("setting", name, [*own, *training, *data])

    def only(names: list[str]) -> dict[str, Any]:
        return {name: settings[name] for name in names if name in settings}

    return only(own), TrainingSettings(**only(training)), DataSettings(**only(data))
