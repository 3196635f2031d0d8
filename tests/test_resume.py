"""A run that was stopped, or that is trained further, ends bit for bit like one that never stopped: of every kind."""

import collections
import itertools
import typing
from typing import Literal

import numpy as np
import pytest
import torch

from conftest import ending, interrupt_at, rows
from lunette.codes.posteriors import POSTERIORS
from lunette.codes.priors import PRIORS
from lunette.compute import EMULATE, has_bf16
from lunette.errors import Interrupted, LunetteError
from lunette.images import load
from lunette.likelihoods import LIKELIHOODS
from lunette.networks import ARCHITECTURES as NETWORKS
from lunette.progress import watched
from lunette.recipes import RECIPES, arguments
from lunette.signatures import described
from lunette.training import End, TrainingSettings
from lunette.uses import train as module
from lunette.uses.train import resume, train

PRECISIONS = ("fp32", "bf16")
CONV = "conv:4/2,6/2:12"  # convolutions, where a moment can lie in memory otherwise than in a file, and dense layers
SHORT, EPOCHS = 2, 3
SETTINGS = {"epochs": EPOCHS, "batch_size": 16, "pictures": 0}
SMALL = {  # of the recipes' arguments, where they have them
    "network": CONV, "latent": 3, "rungs": 2, "samples": 4, "groups": 2, "centroids": 20, "entries": 8, "positions": 4,
    "pretraining": 2, "prior_epochs": 2,
}  # fmt: skip

# Rows of what differs from SETTINGS and SMALL. Of every recipe one, by its name, and beside them:
KINDS = {name: {"recipe": name} for name in RECIPES} | {
    "stacked": {"recipe": "stacked", "network": "mlp:12,8"},
    "vae, dense": {"network": "mlp:12,8"},
    "vae, residual": {"network": "residual:4/2,8/2"},
    "ladder, dense": {"recipe": "ladder", "network": "mlp:16,12"},
    "vae_gan, residual": {"recipe": "vae_gan", "network": "residual:4/2"},
    "vq_vae, maps": {"recipe": "vq_vae", "network": "conv:4/2,6", "codebook": "gradient"},
    "vq_vae, no prior": {"recipe": "vq_vae", "network": "mlp:12", "prior_epochs": 0},
    "cvae, label": {"recipe": "cvae", "prior": "label"},
    "hvae, free": {"recipe": "hvae", "tempering": "free"},
    "iwae, dreg": {"recipe": "iwae", "gradient": "doubly-reparameterized"},
    "rae, gradient": {"recipe": "rae", "penalty": "gradient"},
    "rae, spectral": {"recipe": "rae", "penalty": "spectral"},
    "wae, rbf": {"recipe": "wae", "kernel": "rbf"},
    "beta_tc, weighted": {"recipe": "beta_tc", "estimator": "weighted"},
    "dip_vae, I": {"recipe": "dip_vae", "kind": "I"},
    "denoising, masking": {"recipe": "denoising", "noise": "masking"},
    "denoising, salt-and-pepper": {"recipe": "denoising", "noise": "salt-and-pepper"},
    "path, rising": {"rate_gradient": "path", "rate_warmup": 2.5},
    "radial, flow": {"posterior": "radial:2", "prior": "flow:1", "likelihood": "laplace"},
    "iaf, mixture": {"posterior": "iaf:1", "prior": "mixture:3", "likelihood": "student-t"},
    "dynamic": {"binarize": "dynamic"},
    "threshold": {"binarize": "threshold"},
    "adamw": {"optimizer": "adamw", "likelihood": "continuous-bernoulli"},
    "rmsprop": {"optimizer": "rmsprop", "likelihood": "beta-binomial"},
    "sgd": {"optimizer": "sgd", "learning_rate": 1e-4},
    "factor_vae, adamw": {"recipe": "factor_vae", "optimizer": "adamw"},
    "aae, rmsprop": {"recipe": "aae", "optimizer": "rmsprop"},
    "vae_gan, sgd": {"recipe": "vae_gan", "optimizer": "sgd", "learning_rate": 1e-5},
    "cosine": {"schedule": "cosine", "likelihood": "categorical"},
    "cosine, warmup": {"schedule": "cosine", "warmup": 1.3, "likelihood": "logistic-mixture:2"},
    "one-cycle": {"schedule": "one-cycle", "likelihood": "discretized-logistic"},
    "warmup": {"warmup": 1.1, "likelihood": "normal"},
    "clip": {"clip": 1.0, "likelihood": "optimal-normal"},
    "accumulate": {"accumulate": 3, "likelihood": "squared-error"},
    "patience": {"patience": 2, "epochs": 12, "learning_rate": 0.1},
    "stacked, patience": {"recipe": "stacked", "network": "mlp:12", "patience": 1, "learning_rate": 0.1, "epochs": 12},
    "no validation": {"validation": 0.0},
    "pictures": {"pictures": 1},
    "rhvae, pictures": {"recipe": "rhvae", "pictures": 1},
    "seed": {"seed": 7, "batch_size": 23},
    "threads": {"threads": 2},
}  # fmt: skip
NAMED = {
    "recipe": RECIPES, "network": NETWORKS, "likelihood": LIKELIHOODS, "posterior": POSTERIORS, "prior": PRIORS,
}  # fmt: skip
ALONE = {"device", "precision", "shard", "graph"}  # tested on their own, and here the precision by a parameter
each_kind = pytest.mark.parametrize(("kind", "precision"), list(itertools.product(KINDS, PRECISIONS)))


def settings_of(kind, precision="fp32"):
    given = {"recipe": "vae", "precision": precision, **SETTINGS, **KINDS[kind]}
    own = {argument.name for argument in arguments(given["recipe"])}
    return {name: value for name, value in SMALL.items() if name in own} | given


@pytest.fixture(scope="module", autouse=True)
def _without_the_last_pictures():
    """The maps and the report of a run's end take ten times as long as these trainings; bfloat16 is emulated."""
    with pytest.MonkeyPatch.context() as patch:
        if not has_bf16(torch.device("cpu"))[0]:
            patch.setenv(EMULATE, "1")
        draw = module.illustrate
        patch.setattr(module, "illustrate", lambda run, model, event: isinstance(event, End) or draw(run, model, event))
        yield


@pytest.fixture(scope="module")
def pixels(tmp_path_factory):
    """A file of few small pictures with labels, which make four steps an epoch, the last one smaller."""
    digits, path = load("digits").train, tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, images=digits.pixels[:74].numpy(), labels=digits.labels[:74].numpy())
    return path


@pytest.fixture(scope="module")
def whole(pixels, tmp_path_factory):
    """The run of a kind that never stopped; made when it is first asked for."""
    made = {}

    def whole_of(*kind):
        if kind not in made:
            made[kind] = train(data=pixels, out=tmp_path_factory.mktemp("whole") / "run", **settings_of(*kind))
        return made[kind]

    return whole_of


@each_kind
def test_a_run_that_is_stopped_within_an_epoch_goes_on_to_the_same_bits(whole, pixels, tmp_path, kind, precision):
    finished = whole(kind, precision)
    ends = {row.get("stage", "main"): row["step"] for row in rows(finished) if row["split"] == "train"}
    for stage, step in ends.items():  # the middle of the last epoch of each stage
        out = tmp_path / stage
        with pytest.raises(Interrupted, match=f"after step {step - 2}; go on"), watched(interrupt_at(step - 2)):
            train(data=pixels, out=out, **settings_of(kind, precision))
        assert ending(resume(out)) == ending(finished)


@each_kind
def test_a_finished_run_goes_on_to_the_bits_of_a_longer_one(whole, pixels, tmp_path, kind, precision):
    settings = settings_of(kind, precision)
    short = train(data=pixels, out=tmp_path / "run", **(settings | {"epochs": SHORT}))
    if short.recipe().after:
        with pytest.raises(LunetteError, match="train anew with more --epochs"):
            resume(short, epochs=settings["epochs"])
        return
    longer = resume(short, epochs=settings["epochs"])
    # A cosine and one cycle end with training: what they had done of it by then depends on how long it was to be.
    assert (ending(longer) == ending(whole(kind, precision))) == (settings.get("schedule", "constant") == "constant")


def test_every_kind_is_among_them():
    used, choices = collections.defaultdict(set), dict(NAMED)
    for kind in KINDS:
        settings = settings_of(kind)
        used["recipe"].add(settings["recipe"])
        for field in (*described(TrainingSettings), *arguments(settings["recipe"])):
            used[field.name].add(str(settings.get(field.name, field.default)).partition(":")[0])
            if typing.get_origin(field.type) is Literal:
                choices[field.name] = typing.get_args(field.type)
    assert {n: used[n] for n in choices if n not in ALONE} == {n: set(choices[n]) for n in choices if n not in ALONE}
    assert [f.name for f in described(TrainingSettings) if len(used[f.name]) == 1 and f.name not in ALONE] == []
