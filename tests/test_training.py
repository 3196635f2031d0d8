"""The loop: schedules, order, early stopping, divergence, and going on bit for bit."""

import contextlib
import math

import pytest
import torch

from conftest import dataset_of
from lunette.compute import pick_device
from lunette.errors import Diverged, LunetteError
from lunette.images import load
from lunette.randomness import reseed
from lunette.recipes import build
from lunette.training import End, EpochEnd, PictureTime, Step, Training, TrainingSettings
from lunette.training.schedules import multiple

CPU = torch.device("cpu")


def training_of(recipe="vae", data=None, seed=0, arguments=None, **settings):
    data = data or load("digits")
    reseed(seed, "weights")
    built = build(recipe, data.train.shape, arguments or {})
    return Training(built, data, TrainingSettings(**({"epochs": 2, "seed": seed} | settings)), CPU)


def test_schedules_are_their_formulas():
    assert [multiple("constant", t) for t in (0, 0.5, 1)] == [1, 1, 1]
    for t in (0, 0.2, 0.7, 1):
        assert multiple("cosine", t) == pytest.approx((1 + math.cos(math.pi * t)) / 2)
    assert multiple("constant", 0.05, warmup=0.2) == pytest.approx(0.25)
    assert multiple("cosine", 0.2, warmup=0.2) == pytest.approx(1)
    assert multiple("cosine", 0.6, warmup=0.2) == pytest.approx(0.5)
    assert multiple("one-cycle", 0) == pytest.approx(1 / 25)
    assert multiple("one-cycle", 0.15) == pytest.approx((1 + 1 / 25) / 2)
    assert multiple("one-cycle", 0.3) == pytest.approx(1)
    assert multiple("one-cycle", 1) == pytest.approx(0)


def test_a_warm_up_is_the_same_however_long_training_is():
    rising = {epochs: [multiple("constant", i / 13, epochs, warmup=1.3) for i in range(26)] for epochs in range(2, 9)}
    assert all(rates == rising[2] for rates in rising.values())
    assert multiple("constant", 0.5, 1, warmup=2) == 0.5


@pytest.mark.parametrize(
    "recipe", ["autoencoder", "beta_vae", "conv_vae", "denoising", "gaussian_vae", "sparse", "vae"]
)
def test_the_loss_falls_on_digits(recipe):
    ends = [e for e in training_of(recipe, epochs=15).events() if isinstance(e, EpochEnd)]
    first, last = ends[0].metrics, ends[-1].metrics
    assert len(ends) == 15
    assert last["train"].loss < first["train"].loss
    assert last["validation"].loss < first["validation"].loss


def test_events_come_in_order_and_add_up():
    data = load("digits")
    training = training_of(data=data, epochs=4, pictures=2, batch_size=100)
    events = list(training.events())
    batches = math.ceil(len(data.train) / 100)
    assert sum(isinstance(e, Step) for e in events) == 4 * batches
    assert [e.epoch for e in events if isinstance(e, PictureTime)] == [2, 4]
    assert isinstance(events[-1], End)
    assert [e.step for e in events if isinstance(e, EpochEnd)] == [
        batches,
        2 * batches,
        3 * batches,
        4 * batches,
    ]


def test_an_epochs_metrics_are_means_over_its_images_not_the_last_batch():
    training = training_of(epochs=1, batch_size=500)
    sums, images = 0.0, 0
    for event in training.events():
        if isinstance(event, Step):
            n = 500 if event.batch < event.batches else len(training.train) - 500 * (event.batches - 1)
            sums, images = sums + n * float(event.terms["distortion"]), images + n
        elif isinstance(event, EpochEnd):
            assert event.metrics["train"].terms["distortion"] == pytest.approx(sums / images, rel=1e-9)


def test_every_epoch_sees_every_picture_once_in_an_order_of_its_own():
    training = training_of(epochs=2)
    feed, epochs = training.loader, []

    def watched(indices):
        epochs.append([])
        return feed(epochs[-1].append(index) or index for index in indices)

    training.loader = watched
    for _ in training.events():
        pass
    first, second = (torch.cat(steps) for steps in epochs)
    n = torch.arange(len(training.train))
    assert first.sort().values.equal(n)
    assert second.sort().values.equal(n)
    assert not first.equal(second)


def test_the_seed_decides_everything():
    def weights(seed, drawing=False):
        training = training_of(seed=seed, epochs=1)
        for event in training.events():
            if drawing and isinstance(event, Step):
                torch.rand(7)  # somebody draws a picture between two steps
        return torch.cat([p.flatten() for p in training.recipe.model.parameters()])

    assert weights(0).equal(weights(0))
    assert weights(0).equal(weights(0, drawing=True))
    assert not weights(0).equal(weights(1))


def test_stages_come_first_and_train_only_their_own_layer():
    training = training_of("stacked", epochs=1, arguments={"pretraining": 1})
    last = training.recipe.model.encoder.network[5].weight.detach().clone()
    seen = []
    for event in training.events():
        if isinstance(event, EpochEnd):
            seen.append(event.stage)
            same = training.recipe.model.encoder.network[5].weight.equal(last)
            assert same == (event.stage in ("layer 1", "layer 2"))
    assert seen == ["layer 1", "layer 2", "layer 3", ""]


def test_patience_stops_at_the_best_epoch():
    training = training_of(epochs=200, patience=3, learning_rate=0.02, arguments={"latent": 2})
    ends = [e for e in training.events() if isinstance(e, EpochEnd)]
    losses = [e.metrics["validation"].loss for e in ends]
    assert len(ends) < 200
    assert losses.index(min(losses)) == len(losses) - 1 - 3
    assert [e.best for e in ends][-4:] == [True, False, False, False]


def test_a_warm_up_of_the_rate_does_not_make_the_first_epoch_the_best():
    ends = [
        e
        for e in training_of(epochs=8, arguments={"rate_warmup": 8.0}, learning_rate=3e-3).events()
        if isinstance(e, EpochEnd)
    ]
    assert [e.metrics["train"].weights["rate"] for e in ends] == [i / 8 for i in range(1, 9)]
    assert {e.metrics["validation"].weights["rate"] for e in ends} == {1.0}
    assert ends[-1].best


def test_clipping_bounds_the_step():
    free, clipped = (training_of(epochs=1, optimizer="sgd", learning_rate=0.1, clip=clip) for clip in (None, 1e-3))
    for training, bound in ((free, 1e9), (clipped, 1e-3 * 0.1 * 1.0001)):
        before = torch.cat([p.detach().flatten().clone() for p in training.recipe.model.parameters()])
        with contextlib.suppress(Diverged):
            next(e for e in training.events() if isinstance(e, Step))
        after = torch.cat([p.detach().flatten() for p in training.recipe.model.parameters()])
        assert 0 < (after - before).norm().item() <= bound


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_training_goes_on_bit_for_bit_from_the_middle_of_an_epoch(optimizer):
    settings = {"epochs": 3, "optimizer": optimizer, "schedule": "cosine", "learning_rate": 1e-4}
    whole = training_of(**settings)
    expected = [e.metrics["train"].terms for e in whole.events() if isinstance(e, EpochEnd)]
    stopped = training_of(**settings)
    events = stopped.events()
    for event in events:
        if isinstance(event, Step) and event.epoch == 2 and event.batch == 5:
            break
    weights = {k: v.clone() for k, v in stopped.recipe.model.state_dict().items()}
    state = {k: v.clone() for k, v in stopped.optimizer_state().items()}
    resumed = training_of(**settings)
    resumed.recipe.model.load_state_dict(weights)
    resumed.restore(stopped.position, state)
    rest = [e.metrics["train"].terms for e in resumed.events() if isinstance(e, EpochEnd)]
    assert rest == expected[1:]
    for ours, theirs in zip(resumed.recipe.model.parameters(), whole.recipe.model.parameters(), strict=True):
        assert ours.equal(theirs)


def test_a_loss_that_is_not_finite_stops_at_that_step():
    training = training_of(epochs=1)
    with torch.no_grad():
        training.recipe.model.decoder.network[2].bias[3] = math.nan
    with pytest.raises(Diverged, match=r"step 1, in epoch 1: the distortion is nan.*Likely causes: the learning rate"):
        list(training.events())


def test_a_gradient_that_is_not_finite_stops_at_the_step_after():
    training = training_of(epochs=1)
    weight = training.recipe.model.encoder.network[1].weight
    weight.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(Diverged, match=r"step 2, in epoch 1: the distortion is nan"):
        list(training.events())


def test_a_gradient_that_is_not_finite_in_the_last_step_is_found_in_the_weights():
    training = training_of(epochs=1, batch_size=5000)
    weight = training.recipe.model.encoder.network[1].weight
    weight.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(Diverged, match=r"step 1, in epoch 1: the weights encoder.network.1.weight are not finite"):
        list(training.events())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be greater than 0"),
        ({"learning_rate": math.nan}, "learning_rate must be greater than 0"),
        ({"clip": -1.0}, "clip must be greater than 0"),
        ({"patience": 0}, "patience must be at least 1"),
    ],
)
def test_settings_that_cannot_be_trained_with_are_refused(settings, words):
    with pytest.raises(LunetteError, match=words):
        TrainingSettings(**settings)


def test_patience_needs_validation_pictures():
    pixels = torch.zeros(8, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(LunetteError, match="patience needs validation pictures"):
        training_of(data=dataset_of(pixels), patience=2)


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(LunetteError, match="cannot use the device 'cuda:7'"):
        pick_device("cuda:7")
    with pytest.raises(LunetteError, match="cannot use the device 'gpu'"):
        pick_device("gpu")
