import json
import math
import types

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.callbacks.small_gan import BATCH_SIZE, healthy_choices, make_gan, spots, spots_dataset, spots_uint8
from tests.test_case import assert_same_weights
from tfgan_suite.callbacks import (
    LowerRate,
    NonFiniteError,
    RaiseAugmentation,
    RolledBack,
    Rule,
    Save,
    StabilityMonitor,
    Stop,
    StopOnNonFinite,
    StoppedByAlert,
    read_alerts,
)

ALWAYS = Rule(
    name="always", measurement="logits/distance", above=-1.0, grace_images=0, symptom="", advice="", reason=""
)
CALM = {"gradient_norm/generator": 5.0, "gradient_norm/discriminator": 2.0, "logits/real": 2.0, "logits/fake": -2.0,
        "loss/discriminator": 0.3}  # fmt: skip


def alerts_of(rows):
    """Rules that speak when the ticks of a run look like this."""
    monitor = StabilityMonitor()
    gan = make_gan(width=2)
    monitor.set_model(gan)
    monitor.on_train_begin()
    for tick, row in enumerate(rows):
        gan.steps.assign(tick + 1)
        gan.examples_seen.assign(tick + 1)
        monitor.on_epoch_begin(tick)
        monitor.on_epoch_end(tick, {**CALM, **row})
    return [(alert.rule, alert.examples_seen) for alert in monitor.alerts]


@pytest.mark.parametrize(
    "row, expected",
    [
        ({"gradient_norm/generator": 60.0}, [("generator_gradient_explodes", 6)]),
        ({"gradient_norm/discriminator": 25.0}, [("discriminator_gradient_explodes", 6)]),
        ({"gradient_norm/generator": 0.05}, [("generator_gradient_vanishes", 7)]),
        ({"loss/discriminator": 0.0001}, [("discriminator_loss_vanishes", 8)]),
        ({"logits/real": 30.0, "logits/fake": -30.0}, [("scores_run_apart", 7)]),
        ({"logits/real": 104.0, "logits/fake": 100.0}, [("scores_drift", 7)]),
        ({"gradient_norm/discriminator": 8.0, "logits/real": 6.0, "logits/fake": -6.0, "loss/discriminator": 0.01}, []),
    ],
)
def test_each_symptom_has_its_rule(row, expected):
    assert alerts_of([{}] * 5 + [row] * 4) == expected


def one_bad_batch(count, bad):
    """Batches, of which one is not a number."""
    images = spots(count * BATCH_SIZE)
    images[bad * BATCH_SIZE] = np.nan
    return tf.data.Dataset.from_tensor_slices(images).batch(BATCH_SIZE)


def guarded_choices():
    return {
        "generator_optimizer": tg.GradientGuard(tg.Adam(1e-3)),
        "discriminator_optimizer": tg.GradientGuard(tg.Adam(1e-3)),
    }


@pytest.mark.parametrize("bad", [2, 7])
def test_a_guarded_run_passes_over_a_bad_batch_and_says_so(bad):
    """In the midst of a tick, and as its last."""
    gan = make_gan(width=16, **guarded_choices())
    monitor = StabilityMonitor()
    history = gan.fit(one_bad_batch(8, bad), callbacks=[StopOnNonFinite(), monitor], verbose=0).history
    assert history["skipped_updates/discriminator"] == [1.0] and history["skipped_updates/generator"] == [0.0]
    assert [alert.rule for alert in monitor.alerts] == ["updates_left_out"] and monitor.alerts[0].value == 1 / 8
    assert np.isfinite([values for values in history.values()]).all()
    assert ("loss/discriminator" in history) == (bad == 2)  # After the last step there is none left to average.
    assert all(np.isfinite(np.asarray(variable)).all() for variable in gan.variables)


def test_without_a_guard_a_bad_batch_stops_the_run():
    gan = make_gan(width=16)
    with pytest.raises(NonFiniteError):
        gan.fit(one_bad_batch(4, 1), callbacks=[StopOnNonFinite()], verbose=0)


def test_broken_weights_are_not_passed_over():
    gan = make_gan(width=16, **guarded_choices())
    weight = gan.discriminator.trainable_variables[0]
    weight.assign(weight * np.nan)
    with pytest.raises(NonFiniteError):
        gan.fit(spots_dataset().take(20), callbacks=[StopOnNonFinite(most_skipped_in_a_row=5)], verbose=0)
    assert int(gan.discriminator_optimizer.skipped_in_a_row) == 6


def test_lower_rate_is_kept_where_a_model_sets_its_rates_anew():
    gan = make_gan(width=8)
    action = LowerRate(0.5, least=3e-5)
    monitor = types.SimpleNamespace(model=gan)
    for rate in (1e-4, 5e-5):
        assert f"{rate:.3g} (generator)" in action(monitor, None)
        assert float(gan.generator_optimizer.learning_rate) == pytest.approx(rate)
    assert "left at" in action(monitor, None)
    again = LowerRate(0.5)
    again.set_state(json.loads(json.dumps(action.get_state())))
    again.begin(gan)
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(5e-5)
    gan.generator_optimizer.learning_rate = 1e-3  # As on a new level.
    again.begin(gan)
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(2.5e-4)


def test_raise_augmentation():
    gan = make_gan(width=8, augmentation=tg.augment.AdaptiveAugmentation(initial_probability=0.7))
    action = RaiseAugmentation(by=0.05, most=0.8)
    action.begin(gan)
    texts = [action(types.SimpleNamespace(model=gan), None) for _ in range(3)]
    assert texts[0] == "The augmentation's probability is now 0.75; it was 0.7."
    assert float(gan.augmentation.probability) == pytest.approx(0.8)
    with pytest.raises(tg.UserError, match="augmentation=None"):
        action.begin(make_gan(width=8))


def fit_run(gan, run_dir, ticks, **options):
    """What `train` does, in ticks of two steps."""
    callbacks = tg.default_callbacks(run_dir, **options)
    for callback in callbacks:
        if isinstance(callback, StabilityMonitor) and "rules" in options:
            callback.rules = options["rules"]
    examples_seen = int(gan.examples_seen.numpy())
    tick = examples_seen // (2 * BATCH_SIZE)
    gan.fit(spots_dataset(start_image=examples_seen), steps_per_epoch=2, initial_epoch=tick, epochs=ticks,
            callbacks=callbacks, verbose=0)  # fmt: skip
    return callbacks


def test_save_and_stop(tmp_path):
    gan = make_gan(width=8)
    callbacks = tg.default_callbacks(tmp_path)
    checkpointing = callbacks[-1]
    monitor = StabilityMonitor([ALWAYS], [Save(checkpointing), Stop(checkpointing)], alerts_path=tmp_path / "alerts")
    callbacks.insert(0, monitor)
    with pytest.raises(StoppedByAlert, match="Stopped: always after 128 images"):
        gan.fit(spots_dataset(), steps_per_epoch=2, epochs=3, callbacks=callbacks, verbose=0)
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"000000000128.weights.h5", "000000000128.json"}
    actions = read_alerts(tmp_path / "alerts")[0]["actions"]
    assert "kept" in actions[0] and actions[1] == "Training was stopped."


def test_rolled_back_with_lower_rates_and_gone_on_exactly(tmp_path):
    """A rate that breaks the run in its third tick: back to the second's end, half the rates, on to the end."""
    gan = make_gan(width=16, **healthy_choices())
    fit_run(gan, tmp_path, 2, on_instability="roll_back")
    gan.discriminator_optimizer.learning_rate = math.nan
    with pytest.raises(RolledBack, match="not_finite after .* Went back to 256 images. .* 0.0005 \\(generator\\)"):
        fit_run(gan, tmp_path, 4, on_instability="roll_back")
    assert int(gan.examples_seen.numpy()) == 256
    fit_run(gan, tmp_path, 4, on_instability="roll_back")
    assert float(gan.discriminator_optimizer.learning_rate) == pytest.approx(0.0005)
    alerts = read_alerts(tmp_path / "alerts.jsonl")
    assert [row["rule"] for row in alerts] == ["not_finite"] and "Went back" in alerts[0]["actions"][0]

    # As if the process had been killed right after it went back.
    import shutil

    shutil.copytree(
        tmp_path, tmp_path / "killed", ignore=lambda path, names: [n for n in names if "512" in n or "384" in n]
    )
    fresh = make_gan(width=16, **healthy_choices())
    assert tg.resume(fresh, tmp_path / "killed") == 256
    callbacks = fit_run(fresh, tmp_path / "killed", 4, on_instability="roll_back")
    assert_same_weights(fresh, gan)
    assert [companion.get_state() for companion in callbacks[-1].companions if companion.name == "roll_back"] == [
        {"times": 1}
    ]


def test_rolled_back_a_few_times_then_stopped(tmp_path):
    gan = make_gan(width=8)
    times = 0
    while True:
        callbacks = tg.default_callbacks(tmp_path, on_instability="roll_back")
        monitor = callbacks[1]
        monitor.rules, monitor._rule_states = [ALWAYS], {"always": {}}
        examples_seen = int(gan.examples_seen.numpy())
        try:
            gan.fit(spots_dataset(start_image=examples_seen), steps_per_epoch=2, epochs=9,
                    initial_epoch=examples_seen // 128, callbacks=callbacks, verbose=0)  # fmt: skip
        except RolledBack:
            times += 1
        except StoppedByAlert as error:
            assert "still unstable after 3 rollbacks" in str(error)
            break
    assert times == 3


def test_an_action_that_is_unknown_or_impossible_is_refused(tmp_path):
    with pytest.raises(tg.UserError, match="Did you mean 'roll_back'"):
        tg.default_callbacks(tmp_path, on_collapse="rollback")
    with pytest.raises(tg.UserError, match="whose probability can be raised"):
        fit_run(make_gan(width=8), tmp_path, 1, on_collapse="raise_augmentation",
                collapse_probe={"real_images": spots_uint8(64)})  # fmt: skip
