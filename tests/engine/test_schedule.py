"""Schedules over the examples seen: what they say, where they may stand, that a resumed run continues them."""

import keras
import numpy as np
import pytest

import tfgan_suite as tg
from tests.adversarial.test_gan import make_gan
from tests.test_case import assert_same_weights, fixed_dataset
from tfgan_suite.engine.schedule import CosineSchedule, LinearSchedule


def test_cosine():
    schedule = CosineSchedule(3.0, 1.0, examples=200)
    for seen in (0, 40, 100, 199):
        expected = 1.0 + 2.0 * 0.5 * (1.0 + np.cos(np.pi * seen / 200))
        assert float(schedule.value_at(seen)) == pytest.approx(expected, rel=1e-6)
    assert float(schedule.value_at(200)) == float(schedule.value_at(10_000)) == 1.0
    with pytest.raises(ValueError, match="`examples` must be >= 1"):
        CosineSchedule(1.0, 0.0, examples=0)


@pytest.mark.parametrize(
    "values, message",
    [
        ((1.0, 0.0, "25"), "`examples` must be >= 1. Received: examples='25'"),
        ((1.0, 0.0, float("nan")), "`examples` must be >= 1. Received: examples=nan"),
        ((float("nan"), 0.0, 10), "`start` must be a number. Received: start=nan"),
        ((1.0, None, 10), "`end` must be a number. Received: end=None"),
    ],
)
def test_refuses_what_is_no_number(values, message):
    with pytest.raises(ValueError, match=message):
        LinearSchedule(*values)


@pytest.mark.parametrize(
    "optimizer, message",
    [
        (tg.Adam(beta_1=LinearSchedule(0.0, 0.9, 10)), "`beta_1` of Adam.*`learning_rate` and `beta_2` may follow"),
        (
            tg.GradientGuard(keras.optimizers.Adam(beta_2=LinearSchedule(0.9, 0.99, 10))),
            "`beta_2` of Adam must be a number",
        ),
    ],
)
def test_optimizers_refuse_schedules_where_they_need_numbers(optimizer, message):
    with pytest.raises(ValueError, match=message):
        make_gan(generator_optimizer=optimizer)


def test_one_schedule_serves_two_models_and_one_penalty_does_not():
    schedule = LinearSchedule(0.0, 0.1, 16)
    penalty = tg.penalties.R1(schedule)
    first = make_gan(generator_optimizer=tg.Adam(schedule), discriminator_penalties=penalty)
    make_gan(generator_optimizer=tg.Adam(schedule))
    first.fit(fixed_dataset(first, 8, batches=2), verbose=0)
    assert float(first.generator_optimizer.learning_rate) == pytest.approx(0.1)
    first.compile(generator_optimizer=first.generator_optimizer, discriminator_penalties=penalty)
    with pytest.raises(ValueError, match="must not be shared by two models"):
        make_gan(discriminator_penalties=penalty)


def scheduled():
    """Every number that may be a schedule is one."""
    return {
        "generator_optimizer": tg.Adam(CosineSchedule(0.02, 0.001, 40), 0.5, CosineSchedule(0.9, 0.99, 40)),
        "discriminator_optimizer": keras.optimizers.SGD(LinearSchedule(0.0, 0.1, 40)),
        "discriminator_penalties": [tg.penalties.R1(CosineSchedule(2.0, 0.1, 40)), tg.penalties.R2(0.1, interval=2)],
        "ema": tg.ExponentialMovingAverage(CosineSchedule(0.0, 64.0, 40), rampup_ratio=None),
        "augmentation": tg.augment.AdaptiveAugmentation("brightness", schedule=LinearSchedule(0.0, 0.3, 40)),
    }


def test_each_number_follows_the_examples_seen():
    gan = make_gan(**scheduled())
    fake = np.asarray(gan.discriminator.trainable_variables[0]).copy()
    data = fixed_dataset(gan, 8, batches=3)
    gan.fit(data.take(1), verbose=0)
    # At no examples the discriminator's rate is 0, and the average, with no half-life, is the generator itself.
    np.testing.assert_array_equal(gan.discriminator.trainable_variables[0], fake)
    for average, weight in zip(gan.ema_generator.variables, gan.generator.variables):
        np.testing.assert_array_equal(average, weight)
    gan.fit(data.skip(1), verbose=0)
    assert not np.array_equal(np.asarray(gan.discriminator.trainable_variables[0]), fake)
    assert float(gan.augmentation.probability) == pytest.approx(0.3 * 16 / 40)  # As of the last step's begin.
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(
        0.001 + 0.019 * 0.5 * (1 + np.cos(np.pi * 24 / 40))
    )


def test_scheduled_adam_is_adam_with_the_number_of_each_step():
    """The second moment's share as the schedule has it at each step, its correction too."""
    gan = make_gan(generator_optimizer=tg.Adam(0.01, 0.0, LinearSchedule(0.5, 0.9, 16), epsilon=1e-8))
    optimizer = gan.generator_optimizer
    weight = gan.generator.trainable_variables[0]
    generator = np.random.default_rng(0)
    expected, second = np.asarray(weight, "float64"), 0.0
    for step, beta_2 in enumerate((0.5, 0.7, 0.9), start=1):
        gradients = [generator.normal(size=v.shape).astype("float32") for v in gan.generator.trainable_variables]
        gan.examples_seen.assign(8 * (step - 1))
        optimizer.apply([np.asarray(one) for one in gradients], gan.generator.trainable_variables)
        second = beta_2 * second + (1 - beta_2) * gradients[0].astype("float64") ** 2
        expected = expected - 0.01 * gradients[0] / (np.sqrt(second / (1 - beta_2**step)) + 1e-8)
    np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


def test_a_saved_run_continues_its_schedules(tmp_path):
    whole, half = make_gan(**scheduled()), make_gan(**scheduled())
    data = fixed_dataset(whole, 8, batches=4)
    whole.fit(data, verbose=0)
    half.fit(data.take(2), verbose=0)
    half.save(tmp_path / "half.keras")
    again = tg.load_model(tmp_path / "half.keras")
    again.fit(data.skip(2), verbose=0)
    assert_same_weights(whole, again)


def test_an_unbound_schedule_says_what_it_needs():
    with pytest.raises(ValueError, match="needs a count of examples"):
        tg.Adam(CosineSchedule(1.0, 0.0, 10)).learning_rate  # noqa: B018
