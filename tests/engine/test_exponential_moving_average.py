import keras
import numpy as np
import pytest

from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage


def test_half_life():
    ema = ExponentialMovingAverage(half_life_images=1000, rampup_ratio=None)
    decay = float(ema.decay_at(images_seen=0, steps=0, batch_size=250))
    assert decay**4 == pytest.approx(0.5, rel=1e-5)  # Four batches are one half-life.


def test_ramp_up_bounds_the_half_life():
    ema = ExponentialMovingAverage(half_life_images=1000, rampup_ratio=0.05)
    early = float(ema.decay_at(images_seen=1900, steps=0, batch_size=100))
    assert early == pytest.approx(0.5 ** (100 / 100), rel=1e-5)  # 5% of 2,000 images.
    late = float(ema.decay_at(images_seen=10**6, steps=0, batch_size=100))
    assert late == pytest.approx(0.5 ** (100 / 1000), rel=1e-5)


def test_fixed_decay_starts_late():
    ema = ExponentialMovingAverage(decay=0.9999, start_step=20_000)
    assert float(ema.decay_at(0, 19_999, 64)) == 0.0
    assert float(ema.decay_at(0, 20_000, 64)) == pytest.approx(0.9999)


@pytest.mark.parametrize("average_buffers", [False, True])
def test_update(average_buffers):
    def make_network(value):
        network = keras.Sequential([keras.Input([2]), keras.layers.Dense(2), keras.layers.BatchNormalization()])
        network.set_weights([np.full_like(weight, value) for weight in network.get_weights()])
        return network

    average, network = make_network(0.0), make_network(1.0)
    average.trainable = False
    ExponentialMovingAverage(average_buffers=average_buffers).update(average, network, decay=0.75)
    for variable in average.layers[0].variables:
        np.testing.assert_allclose(variable, 0.25)
    np.testing.assert_allclose(average.layers[1].moving_mean, 0.25 if average_buffers else 1.0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"decay": 1.0},
        {"decay": "0.5"},
        {"half_life_images": 0},
        {"half_life_images": float("nan")},
        {"rampup_ratio": 0.0},
    ],
)
def test_refuses_nonsense(arguments):
    with pytest.raises(ValueError, match="must be"):
        ExponentialMovingAverage(**arguments)


def test_automatic_half_life_is_adas():
    average = ExponentialMovingAverage(half_life_images="auto", rampup_ratio=None)
    for batch_size in (16, 32):
        np.testing.assert_allclose(average.decay_at(10**6, 10**5, batch_size), 0.5 ** (32 / 10_000), rtol=1e-6)
