"""A search for the best arguments of a recipe, by the loss on validation pictures."""

from __future__ import annotations

import contextlib
import json
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import filelock

from lunette.errors import Interrupted, LunetteError
from lunette.files import write, writing
from lunette.images import DataSettings, load, read, to_archive
from lunette.images.subset import warn_of_few
from lunette.progress import Progress, announce, current_watch, watched
from lunette.randomness import stream
from lunette.recipes import arguments
from lunette.runs import Run
from lunette.signatures import Flag
from lunette.stored import reading, typed
from lunette.training import EpochEnd, TrainingSettings
from lunette.uses.given import resolved, sort_settings
from lunette.uses.train import ARRAY_FILE, resume, train
from lunette.uses.tune.study import PICTURE, Outcome, Study, Trial
from lunette.uses.verb import Source, verb

try:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import FrozenTrial, TrialState
except ModuleNotFoundError as error:
    raise LunetteError('lunette tune searches with Optuna, which is not here: pip install "lunette[tune]"') from error

from lunette.uses.tune.search_space import Space, Values, measure, search_space

JOURNAL = "study.journal"
OUTCOMES: dict[TrialState, Outcome] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


class Enough(Exception):
    """A trial has done its epochs; its test pictures stay unseen."""


@verb("tune", "train", takes=(DataSettings, TrainingSettings))
def tune(
    recipe: str = "vae",
    data: Source = "digits",
    *,
    vary: Annotated[
        Mapping[str, Values],
        Flag("NAME=LOW..HIGH or NAME=CHOICE,CHOICE, one or more: latent=2..64 beta=0.5,1,2", tuple[str, ...]),
    ],
    trials: Annotated[int, "in all: a study that has fewer goes on"] = 20,
    out: Annotated[
        str | Path | None, Flag("folder of the study; by default studies/RECIPE-DATA", Path | None, aliases=("-o",))
    ] = None,
    **settings: Any,
) -> Study:
    """Search for the settings of a recipe that bring the lowest loss on validation pictures.

    `vary` says what each may be: "2..64", "mlp:200,mlp:400", or a sequence of choices; `settings`, as of `train`, are
    the same for all. The loss is −ELBO = distortion + rate wherever a recipe has both, whatever their weights. A trial
    that does worse than the median of those before is stopped early. It draws nothing and never looks at test pictures:
    `lunette resume` does both for one. The study `out` (by default studies/RECIPE-DATA) keeps a run of each trial under
    trials/; called again with the same settings it goes on, to `trials` in all.

    Source: Akiba, Sano, Yanase, Ohta, Koyama, "Optuna", KDD 2019 (tree-structured Parzen estimator, median pruning).

    Raises:
        LunetteError: for what cannot be varied, for a study of other settings, and where all trials failed.

    Example:
        lunette tune vae --data mnist --trials 20 --vary latent=2..64 learning-rate=1e-4..1e-2
    """
    settings = settings | {"pictures": 0}
    given, how, loading = sort_settings(recipe, settings)
    space = search_space(recipe, vary)
    if trials < 1:
        raise LunetteError(f"a search takes 1 trial or more, not {trials}")
    images = None if isinstance(data, str | Path) else read(data, loading).train
    source = resolved(data) if isinstance(data, str | Path) else ARRAY_FILE
    dataset = load(source if images is None else images, loading)
    if not len(dataset.validation):
        raise LunetteError("a search compares losses on validation pictures: leave --validation above 0")
    warn_of_few(len(dataset.validation), "validation pictures", "which trial is the best may be chance")
    compared = measure(recipe, dataset, settings, space)
    content = {
        "recipe": recipe,
        "arguments": {argument.name: given.get(argument.name, argument.default) for argument in arguments(recipe)},
        "data": [source, asdict(loading), dataset.facts["sha256"]],
        "training": asdict(how),
        "vary": {name: str(values) for name, values in space.items()},
    }
    path = Path(out or default_folder(recipe, source))
    with opened(path, content) as study:
        if images is not None:
            write(path / ARRAY_FILE, to_archive(images))
            source, settings = str((path / ARRAY_FILE).resolve()), settings | {"range": None}  # it holds bytes
        while (done := len(finished(study))) < trials:
            announce(Progress("trials", done, trials))
            trial = next_trial(study, space, how.seed)
            state, loss = outcome(trial, path, recipe, source, settings)
            study.tell(trial, loss, state)
        result = Study(path, compared, tuple(tried(trial, path) for trial in finished(study)))
    if not result.complete:
        raise LunetteError(f"all {trials} trials of {path} failed; the last one said: {result.trials[-1].why}")
    result.save(path / PICTURE)
    return result


def default_folder(recipe: str, source: str) -> Path:
    """Return studies/RECIPE-DATA, which is the same for the same search, so that it goes on there."""
    data = re.sub(r"[^a-z0-9]+", "-", Path(source).stem.lower()).strip("-") or "data"
    return Path("studies") / f"{recipe.replace('_', '-')}-{data}"


@contextlib.contextmanager
def opened(path: Path, content: Mapping[str, Any]) -> Iterator[optuna.Study]:
    """Give the study in the folder `path`, which is made if need be; no other process may search there meanwhile."""
    if path.exists() and not (path / JOURNAL).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise LunetteError(f"{path} is there already and holds no study: choose another --out")
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(path / ".lock", timeout=0):
            clean_up(path / JOURNAL)
            optuna.logging.set_verbosity(optuna.logging.WARNING)
            settings = json.loads(json.dumps(content))
            with reading(path / JOURNAL, "a study", "restore the file, or choose another --out"):
                study = optuna.create_study(
                    storage=JournalStorage(JournalFileBackend(str(path / JOURNAL))),
                    study_name="lunette",
                    load_if_exists=True,
                    pruner=optuna.pruners.MedianPruner(n_warmup_steps=1),
                )
                known = typed(Mapping[str, Any], study.user_attrs.get("settings", settings))
            # A setting that was not there when the study began has its default now.
            if changed := ", ".join(name for name, value in settings.items() if known.get(name, value) != value):
                raise LunetteError(
                    f"the study in {path} has another {changed}: go on with the same settings, or choose another --out"
                )
            study.set_user_attr("settings", settings)
            yield study
    except filelock.Timeout:
        raise LunetteError(f"another process is searching in {path}: wait for it, or stop it") from None


def clean_up(journal: Path) -> None:
    """Remove what a killed process left of its last entry: Optuna's own lock, and a line that has no end."""
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)  # Optuna would wait for it, perhaps for ever
    data = journal.read_bytes() if journal.is_file() else b""
    if data and not data.endswith(b"\n"):
        write(journal, data[: data.rfind(b"\n") + 1])


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that are over, in order."""
    return [trial for trial in study.trials if trial.state in OUTCOMES]


def next_trial(study: optuna.Study, space: Space, seed: int) -> optuna.Trial:
    """Return the trial that was interrupted, or a new one, whose values follow from the seed and those before it."""
    study.sampler = optuna.samplers.TPESampler(seed=stream(seed, "tune", len(study.trials)) % 2**32)
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if trial.params.keys() == space.keys():
            return optuna.Trial(study, trial._trial_id)
        study.tell(trial.number, state=TrialState.FAIL)  # it was killed before it knew its values
    return study.ask(dict(space))


def outcome(
    trial: optuna.Trial, path: Path, recipe: str, source: str, settings: Mapping[str, Any]
) -> tuple[TrialState, float | None]:
    """Train a trial's run, or go on with it, and return how it ended and its loss."""
    folder, others = folder_of(trial.number, path), current_watch()

    def told(event: object) -> None:
        if not isinstance(event, EpochEnd) or event.stage:
            return
        run = Run(folder)
        last = losses(run)[-1]
        if others:
            others(Progress("epochs of this trial", event.epoch, event.epochs, {"validation": last}))
        trial.report(last, event.epoch)
        if is_trained(run):
            raise Enough
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        with contextlib.suppress(Enough), watched(told):
            if not folder.exists():
                train(recipe, source, out=folder, **{**settings, **trial.params})
            elif not is_trained(Run(folder)):
                resume(folder)
    except optuna.TrialPruned:
        return TrialState.PRUNED, None
    except Interrupted as stop:
        number = stop.exit_code - 128
        told_so = f"{signal.Signals(number).name}: the study in {path} is kept, with its running trial"
        raise Interrupted(f"{told_so}; go on with the same command", number) from stop
    except LunetteError as error:
        trial.set_user_attr("why", str(error))
        return TrialState.FAIL, None
    return TrialState.COMPLETE, final(Run(folder))


def folder_of(number: int, path: Path) -> Path:
    """Return the run folder of a trial."""
    return path / "trials" / f"{number:03d}"


def rows(run: Run) -> list[dict[str, Any]]:
    """Return the validation rows of the epochs of the main stage."""
    return [row for row in run.metrics() if row["split"] == "validation" and "stage" not in row]


def losses(run: Run) -> list[float]:
    """Return −ELBO on validation pictures after each epoch, or the loss of a recipe that has no such halves."""
    return [
        row["distortion"] + row["rate"] if {"distortion", "rate"} <= row.keys() else row["loss"] for row in rows(run)
    ]


def best_epoch(run: Run) -> int:
    """Return the epoch, from 0, of the weights that training ends with: with patience the best, else the last."""
    by_loss = [row["loss"] for row in rows(run)]
    return by_loss.index(min(by_loss)) if run.settings.training.patience else len(by_loss) - 1


def is_trained(run: Run) -> bool:
    """Return whether a run has done its epochs, or is out of patience."""
    how, done = run.settings.training, len(rows(run))
    return done >= how.epochs or bool(how.patience and done and done - 1 - best_epoch(run) >= how.patience)


def final(run: Run) -> float:
    """Return the loss of the weights that training ends with."""
    return losses(run)[best_epoch(run)]


def tried(trial: FrozenTrial, path: Path) -> Trial:
    """Return a trial as Optuna's study keeps it."""
    steps = trial.intermediate_values
    loss = steps[max(steps)] if trial.state == TrialState.PRUNED else trial.value
    why = trial.user_attrs.get("why", "")
    return Trial(trial.number, folder_of(trial.number, path), trial.params, OUTCOMES[trial.state], loss, why)
