import os
import signal

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tfgan_suite as tg
from tests.callbacks.small_gan import (
    BATCH_SIZE,
    collapsing_choices,
    healthy_choices,
    make_gan,
    spots_dataset,
    spots_uint8,
)
from tests.runs.gaussian_points import GaussianPoints, points, points_dataset
from tests.test_case import assert_same_weights
from tfgan_suite.callbacks import (
    CollapseMonitor,
    DiscriminatorMonitor,
    RaiseAugmentation,
    SampleMonitor,
    TrainingInterrupted,
    read_alerts,
)
from tfgan_suite.callbacks.checkpointing import _of_this_version
from tfgan_suite.foundation.history import read_history

TICK = 80 * BATCH_SIZE
PROBE = {"real_images": spots_uint8(1000), "held_out_images": spots_uint8(400, seed=9)}


def fit(gan, ticks, callbacks, steps=80, **options):
    return gan.fit(spots_dataset(), steps_per_epoch=steps, epochs=ticks, callbacks=callbacks, verbose=0, **options)


def monitor_with(**options):
    return CollapseMonitor(**{**PROBE, "every_images": TICK, "grace_images": 4 * TICK, **options})


def test_quiet_on_a_run_that_goes_well():
    monitor = monitor_with()
    discriminator_monitor = DiscriminatorMonitor(**PROBE, every_images=TICK, samples_of=monitor)
    monitors = [monitor, discriminator_monitor]
    history = fit(make_gan(**healthy_choices(), steps_per_execution=20), 6, monitors).history
    assert monitor.alerts == discriminator_monitor.alerts == []
    assert history["collapse/diversity"][-1] > 0.8 and history["collapse/modes"][-1] > 0.7
    assert 0.3 < history["overfitting/real_above_fake"][-1] < 0.95
    assert abs(history["overfitting/train_above_held_out"][-1] - 0.5) < 0.15


def test_fires_on_a_run_that_collapses_at_the_second_look_after_the_grace(tmp_path, capsys):
    monitor = monitor_with(log_dir=tmp_path / "tensorboard", alerts_path=tmp_path / "alerts.jsonl")
    history = fit(make_gan(**collapsing_choices(), steps_per_execution=20), 5, [monitor]).history
    found = {alert.rule: alert.examples_seen for alert in monitor.alerts}
    assert found["low_diversity"] == found["modes_lost"] == 5 * TICK
    assert history["collapse/diversity"][-1] < 0.3 and history["collapse/modes"][-1] < 0.3
    # Reported three times over.
    assert "! low_diversity after 25,600 images: The samples are less than half as varied" in capsys.readouterr().out
    rows = read_alerts(tmp_path / "alerts.jsonl")
    assert {row["rule"] for row in rows} == set(found) and rows[0]["monitor"] == "collapse"
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert "alert/low_diversity" in events.Tags()["tensors"]


@pytest.mark.slow
def test_fires_within_two_looks_when_a_good_run_collapses():
    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 20:
                self.model.generator_optimizer.learning_rate = 2e-2
                self.model.discriminator_optimizer.learning_rate = 1e-6

    monitor = monitor_with()
    history = fit(make_gan(**healthy_choices(), steps_per_execution=20), 30, [Spoil(), monitor]).history
    assert min(history["collapse/diversity"][5:20]) > 0.8
    assert min(alert.examples_seen for alert in monitor.alerts) in range(21 * TICK, 24 * TICK + 1)


def run(run_dir, interrupt_at=None, collapse=True):
    """Ticks of five steps with every callback, as `train` has them; interrupted, it goes on in a second call."""

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.steps.numpy()) == interrupt_at:
                os.kill(os.getpid(), signal.SIGTERM)

    probe = {**PROBE, "num_samples": 32, "every_images": 10 * BATCH_SIZE, "grace_images": 20 * BATCH_SIZE}
    for _ in range(1 if interrupt_at is None else 2):
        gan = make_gan(width=16, **collapsing_choices())
        examples_seen = tg.resume(gan, run_dir)
        callbacks = tg.default_callbacks(run_dir, collapse_probe=probe, on_collapse="note" if collapse else "off")
        if examples_seen == 0:
            callbacks.insert(0, Interrupt())
        step = examples_seen // BATCH_SIZE
        try:
            if step % 5:
                gan.fit(
                    spots_dataset(start_image=examples_seen), steps_per_epoch=5 - step % 5, initial_epoch=step // 5,
                    epochs=step // 5 + 1, callbacks=callbacks, verbose=0,
                )  # fmt: skip
                step += 5 - step % 5
            gan.fit(
                spots_dataset(start_image=step * BATCH_SIZE), steps_per_epoch=5, initial_epoch=step // 5, epochs=9,
                callbacks=callbacks, verbose=0,
            )  # fmt: skip
        except TrainingInterrupted:
            assert interrupt_at is not None
    rows = [
        {name: value for name, value in row.items() if name not in ("seconds", "examples_per_second")}
        for row in read_history(run_dir / "history.jsonl")
    ]
    return gan, rows


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("whole")
    return (*run(run_dir), run_dir)


@pytest.mark.parametrize("interrupt_at", [23, pytest.param(25, marks=pytest.mark.slow)])
def test_a_run_that_goes_on_measures_and_alerts_as_if_it_had_not_stopped(whole, tmp_path, interrupt_at):
    """Stopped within a tick, and with its last step."""
    gan, rows = run(tmp_path, interrupt_at)
    assert rows == whole[1]
    assert_same_weights(gan, whole[0])
    alerts = read_alerts(tmp_path / "alerts.jsonl")
    assert alerts == read_alerts(whole[2] / "alerts.jsonl") and alerts


def test_looking_changes_nothing_in_training(whole, tmp_path):
    gan, rows = run(tmp_path, collapse=False)
    assert_same_weights(gan, whole[0])
    assert not any("collapse" in name for row in rows for name in row)


def test_images_that_do_not_fit_are_refused():
    gan = make_gan(width=8)
    for images in (spots_uint8(100)[:, :8], spots_uint8(100).astype("float32")):
        with pytest.raises(tg.UserError, match="`real_images` must be uint8"):
            fit(gan, 1, [CollapseMonitor(images)], steps=1)
    conditional = tg.DCGAN(image_shape=(8, 8, 1), num_classes=2, base_channels=2, kernel_size=4)
    monitor = CollapseMonitor(np.zeros([64, 8, 8, 1], "uint8"))
    monitor.set_model(conditional)
    with pytest.raises(tg.UserError, match="`real_labels` must be given"):
        monitor.on_train_begin()


def test_shared_samples_are_generated_once_a_look_and_measured_alike(monkeypatch):
    gan, counts = make_gan(width=8), []
    generate = type(gan).generate

    def counting(self, count, *arguments, **options):
        counts.append(count)
        return generate(self, count, *arguments, **options)

    monkeypatch.setattr(type(gan), "generate", counting)
    options = {"num_samples": 32, "every_images": BATCH_SIZE}
    first = CollapseMonitor(**PROBE, **options)
    shared = DiscriminatorMonitor(**PROBE, **options, samples_of=first)
    alone = DiscriminatorMonitor(**PROBE, **options)
    alone.name = "alone"
    values = []
    monkeypatch.setattr(shared, "measure", lambda logs: values.append(shared.look()))
    monkeypatch.setattr(alone, "measure", lambda logs: values.append(alone.look()))
    fit(gan, 2, [first, shared, alone], steps=1)
    assert counts == [32] * 4  # Of two looks, each shared by two monitors and made by one more.
    assert values[0] == values[1] and values[2] == values[3] != values[0]
    assert {"probe/real", "probe/fake_spread", "overfitting/r_v", "overfitting/real_above_fake"} <= set(values[0])


def test_what_a_model_cannot_do_is_left_out_and_said_or_refused(tmp_path):
    model = GaussianPoints()
    model.compile()
    probe = {"real_images": points(64)}
    lines = []
    callbacks = tg.default_callbacks(tmp_path, model=model, collapse_probe=probe, report=lines.append)
    assert not any(isinstance(one, SampleMonitor) for one in callbacks)
    (line,) = lines
    assert "Left out for GaussianPoints: CollapseMonitor" in line and "DiscriminatorMonitor" in line
    model.fit(points_dataset(), steps_per_epoch=2, epochs=2, callbacks=callbacks, verbose=0)
    assert sorted(path.name for path in (tmp_path / "images").iterdir())[0] == "000000000000.png"
    for monitor, message in (
        (DiscriminatorMonitor, "needs a model that can discriminate"),
        (CollapseMonitor, "points"),
    ):
        with pytest.raises(tg.UserError, match=message):
            model.fit(points_dataset(), steps_per_epoch=1, callbacks=[monitor(points(64))], verbose=0)
    with pytest.raises(tg.UserError, match="GaussianPoints takes: optimizer, ema"):
        RaiseAugmentation().begin(model)


def test_a_checkpoint_of_one_monitor_for_both_is_divided():
    """As version 0.1 wrote it."""
    alert = {"value": 0.1, "limit": 0.5, "images_seen": 64, "symptom": "", "advice": "", "actions": []}
    alerts = [
        {"rule": "low_diversity", "measurement": "collapse/diversity", **alert},
        {"rule": "discriminator_deceived", "measurement": "overfitting/real_above_fake", **alert},
    ]
    rules = {"low_diversity": {"armed": True, "streak": 1}, "discriminator_deceived": {"armed": True, "streak": 2}}
    state = {"alerts": alerts, "pending": alerts[1:], "calm_images": 3, "rules": rules, "looked_images": 64}
    companions = _of_this_version({"images_seen": 64, "companions": {"collapse": state}})["companions"]
    model = make_gan(width=2)
    for monitor, rule, pending in ((CollapseMonitor(spots_uint8(64)), "low_diversity", 0),
                                   (DiscriminatorMonitor(spots_uint8(64)), "discriminator_deceived", 1)):  # fmt: skip
        monitor.set_model(model)
        monitor.set_state(companions[monitor.name])
        assert [(one.rule, one.examples_seen) for one in monitor.alerts] == [(rule, 64)]
        restored = monitor.get_state()
        assert restored["rules"][rule] == rules[rule] and len(restored["pending"]) == pending
        assert restored["looked_images"] == 64 and sum(map(bool, restored["rules"].values())) == 1


def test_the_sign_of_a_logit_is_taken_from_the_losss_zero():
    """A constant added to the logits changes no measurement of a relativistic pair; with a zero it changes `r_t`."""

    def measure(loss, shift):
        gan = make_gan(loss=loss)
        bias = gan.discriminator.layers[-1].bias
        bias.assign(bias + shift)
        monitor = DiscriminatorMonitor(**PROBE)
        monitor.set_model(gan)
        monitor.on_train_begin()
        return {name: value for name, value in monitor.look().items() if name.startswith("overfitting/")}

    assert measure(tg.losses.Relativistic(), 5.0) == pytest.approx(measure(tg.losses.Relativistic(), 0.0), abs=1e-3)
    assert measure(tg.losses.NonSaturating(), 50.0)["overfitting/r_t"] == 1.0
    assert measure(tg.losses.NonSaturating(), -50.0)["overfitting/r_t"] == -1.0
