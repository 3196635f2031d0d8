"""Training, from settings to a run folder with its weights, numbers, pictures and report."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import torch

from lunette.compute import PrecisionName, are_to_launch, has_bf16, joined, pick_device, pick_precision
from lunette.errors import LunetteError, LunetteWarning, unknown
from lunette.images import Dataset, DataSettings, Images, load, read, to_archive
from lunette.images.subset import warn_of_few
from lunette.names import quoted
from lunette.progress import announce, watched
from lunette.randomness import callers_draws_kept
from lunette.recipes import Recipe, arguments
from lunette.runs import Run, RunSettings, record, restore, versions
from lunette.signatures import Flag
from lunette.training import (
    PRESETS,
    End,
    PictureTime,
    PresetName,
    Training,
    TrainingSettings,
    check_shares,
    lost_workers_told,
    pick_threads,
)
from lunette.uses.given import built_with_seed, resolved, sort_settings
from lunette.uses.report.illustrate import illustrate
from lunette.uses.verb import Processes, Restarts, RunFolder, Source, verb

ARRAY_FILE = "data.npz"
FEW_STEPS = 5


@verb("train", "train", takes=(DataSettings, TrainingSettings))
@callers_draws_kept()
def train(
    recipe: str = "vae",
    data: Source = "digits",
    *,
    out: Annotated[
        str | Path | None,
        Flag(
            "run folder; by default runs/RECIPE-DATA-NNN", Path | None, aliases=("-o",), group="training", common=True
        ),
    ] = None,
    preset: Annotated[
        PresetName | None, Flag("other defaults for these; fast: good soonest", group="training", common=True)
    ] = None,
    processes: Processes = None,
    max_restarts: Restarts = 0,
    **settings: Any,
) -> Run:
    """Train a recipe on pictures, and keep everything in a run folder.

    Returns the run, whose folder is `out` (by default runs/RECIPE-DATA-NNN). `settings` are the fields of
    TrainingSettings and DataSettings and the recipe's own arguments; a `preset` has other defaults for them. Each event
    of training is announced. Arrays are kept in the run folder, so that the run stays whole. With `processes` so many
    are launched here, which share each step, and which start anew up to `max_restarts` times if one is lost.

    Raises:
        LunetteError: before anything is written if a setting or the data cannot be used.
        Diverged: a loss or a weight is not finite.
        Interrupted: after SIGINT or SIGTERM, with everything saved.

    Example:
        lunette train conv_vae --data mnist --epochs 5
        lunette train vae --data my-photos/ --size 64
    """
    if preset is not None and preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    given, how, loading = sort_settings(recipe, (dict(PRESETS[preset]) if preset else {}) | settings)
    device = pick_device(how.device)
    if isinstance(data, str | Path):
        source, files = resolved(data), {}
    else:
        data = read(data, loading).train
        source, files = ARRAY_FILE, {ARRAY_FILE: to_archive(data)}
    dataset = load(data, loading)
    if how.patience:
        warn_of_few(len(dataset.validation), "validation pictures", "which epoch is the best may be chance")
    built = built_with_seed(recipe, dataset.train.shape, given, how.seed, len(dataset.train.label_names))
    check_shares(how, built, dataset, device, processes or 1)
    how = dataclasses.replace(
        how,
        precision=pick_precision(how.precision, device).name,
        threads=pick_threads(built, dataset.train.shape, how, processes if are_to_launch(processes) else 1),
    )
    chosen = RunSettings(
        recipe=recipe,
        arguments={argument.name: given.get(argument.name, argument.default) for argument in arguments(recipe)},
        source=source,
        data=dataclasses.replace(loading, range=loading.range or dataset.range),
        training=how,
        facts=dataset.facts,
        versions=versions(),
    )
    if are_to_launch(processes):
        return launched(Run.create(out, chosen, files), processes, max_restarts)
    with joined(device, processes) as group:
        training = Training(built, dataset, how, device, group)
        if training.batches < FEW_STEPS and group.leads:
            few = f"{len(dataset.train)} training pictures make {training.batches} steps an epoch, which is few"
            warnings.warn(f"{few}: train for more epochs, or with a smaller batch size", LunetteWarning, stacklevel=2)
        run = Run(group.broadcast(str(Run.create(out, chosen, files).path) if group.leads else ""))
        run.dataset = dataset
        with run.locked() if group.leads else contextlib.nullcontext():
            return follow(run, training)


@verb("resume", "train")
@callers_draws_kept()
def resume(
    run: RunFolder,
    *,
    epochs: Annotated[int | None, "new total, to train a finished run further"] = None,
    precision: Annotated[
        Literal["fp32", "bf16"] | None, "go on with other matrix products, whose numbers differ"
    ] = None,
    processes: Processes = None,
    max_restarts: Restarts = 0,
) -> Run:
    """Go on with an interrupted run, bit for bit as if it had never stopped, or train a finished one further.

    `epochs` is the new total. The same weights come out on the same machine with the same number of threads and
    processes, and of the same products: `precision` asks for others.

    Raises:
        LunetteError: where nothing is left to do, another process trains there, the data has changed, or this machine
            has not the products of the run.

    Example:
        lunette resume runs/vae-mnist-001 --epochs 60
    """
    run = run if isinstance(run, Run) else Run(run)
    if are_to_launch(processes):
        with run.locked():
            check_left_to_do(run, epochs)
        return launched(run, processes, max_restarts, epochs, precision)
    device = pick_device(run.settings.training.device)
    settings = going_on(run, epochs, precision, device)
    with joined(device, processes) as group, run.locked() if group.leads else contextlib.nullcontext():
        if group.leads:
            check_left_to_do(run, epochs)
        built = built_with_seed(
            settings.recipe, settings.shape, settings.arguments, settings.training.seed, len(settings.label_names)
        )
        run.dataset = run.read_data()
        training = Training(built, run.dataset, settings.training, device, group)
        restore(run, training)
        if group.leads:
            if settings.versions != run.settings.versions:
                words = f"{run.path} goes on with {settings.training.precision} products, and had others before: its"
                warnings.warn(f"{words} numbers are not those of a run that kept them", LunetteWarning, stacklevel=2)
            run.replace_settings(settings)
        return follow(run, training)


def going_on(run: Run, epochs: int | None, precision: PrecisionName | None, device: torch.device) -> RunSettings:
    """Return the settings that a run goes on with; raises LunetteError where `device` has not its products.

    Other products make other numbers: they are taken only when asked for, and run.toml then says since when.
    """
    settings = run.settings
    before, versions = settings.training.precision, settings.versions
    if precision is None and before == "bf16" and not (able := has_bf16(device))[0]:
        raise LunetteError(
            f"{run.path} was trained with bf16 products, and {able[1]}: go on where it has them or, with other numbers "
            f"from here on, by lunette resume {quoted(run.path)} --precision fp32"
        )
    now = pick_precision(precision or before, device).name
    if before not in ("auto", now):
        done = max((row["epoch"] for row in run.metrics()), default=0)
        versions = {**versions, f"products up to epoch {done}": before}
    planned = settings.training.epochs if epochs is None else epochs
    threads = settings.training.threads or torch.get_num_threads()  # older runs took all that there were
    training = dataclasses.replace(settings.training, epochs=planned, precision=now, threads=threads)
    return dataclasses.replace(settings, training=training, versions=versions)


def launched(
    run: Run,
    processes: int,
    max_restarts: int,
    epochs: int | None = None,
    precision: PrecisionName | None = None,
) -> Run:
    """Let several processes train `run`; if one is lost, all start anew from what was saved."""
    from lunette.compute.launch import launch  # here, because training alone need not wait for this import

    asked = {"--epochs": epochs, "--precision": precision}
    further = [word for flag, value in asked.items() if value is not None for word in (flag, str(value))]
    launch(
        ("resume", str(run.path), *further), processes, f"go on with: lunette resume {quoted(run.path)}", max_restarts
    )
    return run


def check_left_to_do(run: Run, epochs: int | None) -> None:
    """Raise LunetteError where a run is finished, and `epochs` does not take it further."""
    planned, patience = run.settings.training.epochs, run.settings.training.patience
    done = max((row["epoch"] for row in run.metrics() if "stage" not in row), default=0)
    if run.is_finished and patience and done < planned:
        raise LunetteError(
            f"{run.path} stopped because {patience} epochs brought no better validation loss, and going on would "
            "repeat them: train anew with a larger --patience"
        )
    if epochs is not None and (epochs < done or (epochs == done and run.is_finished)):
        raise LunetteError(f"{run.path} has done {done} epochs already: --epochs must be more than that")
    if epochs is None and run.is_finished:
        raise LunetteError(f"{run.path} has done all its {planned} epochs; train on with --epochs N")


def follow(run: Run, training: Training) -> Run:
    """Train to the end, recording and drawing on the way."""
    with lost_workers_told(), contextlib.closing(record(run, training)) as events:  # also where a watch raises
        for event in events:
            if training.group.leads:
                # A sharded model is nowhere whole, but in the checkpoint that was just written.
                sharded = training.settings.shard and isinstance(event, PictureTime | End)
                with watched(None):
                    illustrate(run, run.model() if sharded else training.recipe.model, event)
                announce(event)
    return run


def train_model(recipe: Recipe, images: Images, how: TrainingSettings) -> None:
    """Train a recipe at hand on all of `images`, uint8 or float in [0, 1]; nothing is held out, kept or drawn."""
    dataset = Dataset(images, images.take(slice(0)), images.take(slice(0)), {})
    for event in Training(recipe, dataset, how, pick_device(how.device)).events():
        announce(event)
    recipe.model.eval()
